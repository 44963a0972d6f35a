"""The examination of a net over a batch, which leaves the net as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core import SpikingNeuron, kernels, unroll
from snn_core.effects import RandomStates
from snn_core.graph import needs_all_steps
from snn_core.utils import reset
from snn_functional._messages import fault, must
from snn_functional._numbers import whole
from snn_functional._recording import check_real
from snn_functional._replica import check_net, replica
from snn_functional.diagnosis._activity import activity, finite
from snn_functional.diagnosis._axes import loops, mixed, mixing, states
from snn_functional.diagnosis._batch import axes, inputs, repeated, swapped
from snn_functional.diagnosis._evidence import Check, Evidence, Record, Trace
from snn_functional.diagnosis._gradients import (
    gradient_in_depth,
    gradient_in_time,
    gradient_of_parameters,
    surrogates,
    take,
)
from snn_functional.diagnosis._parameters import bounds, decays, untrained, weights
from snn_functional.diagnosis._slowness import may_cost, of_a_step, page_faults, subnormals
from snn_functional.diagnosis.limits import Limits
from snn_functional.diagnosis.report import Diagnosis, Layer
from snn_functional.loss import ce_rate_loss

# In this order: a cause comes before its effects.
_BEFORE: tuple[Check, ...] = (inputs, weights, axes, repeated, states, untrained)
_AFTER: tuple[Check, ...] = (
    loops,
    mixing,
    finite,
    decays,
    bounds,
    activity,
    surrogates,
    gradient_in_depth,
    gradient_in_time,
    gradient_of_parameters,
    subnormals,
    page_faults,
)


def diagnose(
    net: nn.Module,
    batch: Tensor,
    targets: Any = None,
    *,
    loss_fn: Callable[[Any, Any], Tensor] | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    num_steps: int | None = None,
    run: Callable[[nn.Module, Tensor], Any] | None = None,
    limits: Limits | None = None,
) -> Diagnosis:
    """Look for faults that prevent a net from learning: in its numbers, in a batch, and in the net's response to it.

    A copy of the net is run over the batch, forward and backward, in the mode of the net, and, if it needs much memory,
    three more times to count page faults. The net, its states, gradients and hooks, and the random generators of the
    process do not change.

    Args:
        net: The net.
        batch: Its input, ``[num_steps, batch, ...]``.
        targets: The targets of the loss: labels ``[batch]``, or anything that ``loss_fn`` takes.
        loss_fn: ``loss_fn(outputs, targets)`` of the outputs of ``run``. By default ``ce_rate_loss()`` of the first
            output if there are targets; without targets a sum of the outputs with fixed random weights.
        optimizer: The optimizer of the net, to check that it has all learned parameters.
        num_steps: For a batch ``[batch, ...]`` that is the same in every step: the number of steps.
        run: ``run(net, batch)`` returns the outputs. ``unroll`` when None; for a net whose ``forward`` has the time
            loop, pass ``lambda net, xs: net(xs)``.
        limits: The limits beyond which findings are reported; ``Limits()`` when None.

    Returns:
        The findings, and the activity of each layer of neurons.

    Raises:
        TypeError: If an argument is of the wrong kind, or the net cannot be copied.
        ValueError: If the batch is empty or has no axis of time and batch, ``num_steps`` is not positive, the targets
            need a ``loss_fn``, or the loss is not one number.

    Example:
        >>> import snn_core as snn
        >>> _ = torch.manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(3, 5), snn.Leaky(beta=0.9, threshold=50.0, init_hidden=True))
        >>> found = diagnose(net, torch.ones(20, 4, 3))
        >>> [(one.code, one.module, one.severity) for one in found.findings]
        [('unreachable_threshold', '1', 'warning')]
        >>> found.ok
        True
    """
    xs = _checked(net, batch, loss_fn, optimizer, num_steps, run, limits)
    limits = Limits() if limits is None else limits
    evidence = Evidence(net, xs, targets, optimizer, limits, own_loop=run is not None)
    _look(evidence, _BEFORE)
    if evidence.reported("nonfinite_input", "nonfinite_parameter"):
        _look(evidence, (decays, bounds))
    else:
        with RandomStates(), torch.inference_mode(False), torch.enable_grad():
            _run(evidence, loss_fn, run or _steps_or_sequence)
            _look(evidence, _AFTER)
    return Diagnosis(evidence.findings, [_layer(trace, evidence) for trace in evidence.traces()])


def _look(evidence: Evidence, checks: tuple[Check, ...]) -> None:
    for check in checks:
        evidence.findings.extend(check(evidence))


def _run(evidence: Evidence, loss_fn: Any, run: Callable[[nn.Module, Tensor], Any]) -> None:
    net = replica(evidence.net, "diagnose")
    reset(net)
    record = Record(net)
    evidence.neurons, evidence.uses = record.neurons, record.uses
    try:
        evidence.mixed = mixed(evidence, run)
        with record.watching():
            evidence.loss = _loss(run(net, evidence.batch.clone()), evidence, loss_fn)
    except Exception as error:
        findings = [*evidence.findings, *mixing(evidence)]
        if findings:
            error.add_note("\n".join(["diagnose found this before the error:", *map(str, findings)]))
        raise
    take(evidence, net)
    if may_cost(evidence):
        evidence.faults = of_a_step(_training_step(evidence, loss_fn, unroll if run is _steps_or_sequence else run))


def _training_step(evidence: Evidence, loss_fn: Any, run: Callable[[nn.Module, Tensor], Any]) -> Callable[[], None]:
    """Return a function that runs one training step as a program does, with nothing watching."""
    net, batch = replica(evidence.net, "diagnose"), evidence.batch.clone()
    learned = [p for p in net.parameters() if p.requires_grad]

    def step() -> None:
        reset(net)
        net.zero_grad()
        loss = _loss(run(net, batch), evidence, loss_fn)
        if learned:
            loss.backward(inputs=learned)  # not into parameters outside of the net, such as those of the loss

    return step


def _steps_or_sequence(net: nn.Module, xs: Tensor) -> Any:
    return unroll(net, xs, schedule="auto" if needs_all_steps(net) else "steps")


def _loss(outputs: Any, evidence: Evidence, loss_fn: Any) -> Tensor:
    leaves = [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    targets = evidence.targets
    if swapped(evidence.batch, targets):
        targets = loss_fn = None  # they belong to the other axis
    if loss_fn is not None:
        loss = loss_fn(outputs, targets)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            kind = f"tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise ValueError(must("loss_fn", "return a tensor of one number, such as loss.mean()", kind))
        return loss.reshape(())
    if targets is not None:
        if not leaves or leaves[0].dim() != 3 or not isinstance(targets, Tensor) or targets.is_floating_point():
            shape = tuple(leaves[0].shape) if leaves else "none"
            raise ValueError(
                fault(
                    f"targets are {_short(targets)} and the first output {shape}",
                    "pass loss_fn=, unless they are labels [batch] and spikes [num_steps, batch, classes]",
                )
            )
        return ce_rate_loss()(leaves[0], targets)
    generator = torch.Generator().manual_seed(0)
    terms = [(torch.randn(leaf.shape, generator=generator, device="cpu").to(leaf) * leaf).sum() for leaf in leaves]
    return torch.stack([term.double() for term in terms]).sum() if terms else torch.zeros(())


def _layer(trace: Trace, evidence: Evidence) -> Layer:
    rates, ran = trace.rates(), _kernel(trace)
    kind, gradient = type(trace.neuron).__name__, trace.norms() if trace.stepwise else None
    if rates is None:
        return Layer(trace.path, kind, None, None, None, None, gradient, *ran)
    mean, full = float(rates.to(torch.get_default_dtype()).mean()), rates >= evidence.limits.saturated_rate
    return Layer(trace.path, kind, rates.numel(), mean, int((rates == 0).sum()), int(full.sum()), gradient, *ran)


def _kernel(trace: Trace) -> tuple[str | None, str]:
    """Return the kernel that would run a layer over the steps of the batch, and why."""
    rows = torch.cat(trace.inputs)
    if not isinstance(trace.neuron, SpikingNeuron) or not rows.numel() or len(rows) % trace.steps:
        return None, ""
    choice = kernels.choose(trace.neuron, rows.unflatten(0, (trace.steps, -1)))
    return choice.name, choice.reason


def _checked(net: Any, batch: Any, loss_fn: Any, optimizer: Any, num_steps: Any, run: Any, limits: Any) -> Tensor:
    """Return the checked batch over time."""
    check_net(net)
    check_real(batch, "batch", "pass batch.real or batch.abs()")
    for name, function in (("loss_fn", loss_fn), ("run", run)):
        if function is not None and not callable(function):
            raise TypeError(must(name, "be a function of two arguments, or None", repr(function)))
    if optimizer is not None and not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(must("optimizer", "be a torch.optim.Optimizer, or None", type(optimizer).__name__))
    if limits is not None and not isinstance(limits, Limits):
        raise TypeError(must("limits", "be a Limits, or None", type(limits).__name__))
    if num_steps is not None:
        fix = "pass None for a batch [num_steps, batch, ...]"
        whole("num_steps", num_steps, "an int, the number of steps, or None", least=1, fix=fix)
        batch = batch.expand(num_steps, *batch.shape)
    if batch.dim() < 2 or not batch.numel():
        raise ValueError(
            must(
                "batch",
                "have shape [num_steps, batch, ...], with no axis of size 0, or [batch, ...] with num_steps=",
                tuple(batch.shape),
            )
        )
    return batch.detach()


def _short(targets: Any) -> str:
    return f"{targets.dtype} {tuple(targets.shape)}" if isinstance(targets, Tensor) else f"a {type(targets).__name__}"
