"""Nets with code of their own: the first steps are recorded, and a confirmed record runs the rest."""

from __future__ import annotations

import weakref
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core.kernels.fused import fits
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.temporal import reset, temporal
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.sequence.folding import Folding
from snn_core.sequence.layers import LAYERS
from snn_core.sequence.loop import Loop
from snn_core.sequence.plan import Neuron, Pass, Plan, Step, hooked, modes, value_of
from snn_core.sequence.random_states import RandomStates
from snn_core.sequence.recorder import Record
from snn_core.sequence.schedule import Schedule, autocast_of, described
from snn_core.sequence.surroundings import Look, copied

FEW = 3  # this many steps or fewer are as fast one after another
_CHECKED = 2  # steps that are recorded and compared before a plan is trusted
_MOST = 16  # trusted plans of a net, so that a net that changes at every call does not fill the memory

_BELIEVED: weakref.WeakKeyDictionary[nn.Module, dict[Any, Plan]] = weakref.WeakKeyDictionary()


def recorded(
    net: nn.Module, loop: Loop, folding: Folding, trusts: bool = False, describes: bool = False
) -> tuple[Plan | None, str, Record]:
    """Run the first steps of a loop, and find out if their calls can run all steps.

    The first step is recorded. If an equal record has run the net before, in the same modes, that is enough. If not,
    the second step must make the same calls, and the calls over both steps at once must give what they gave step by
    step.

    Args:
        net: The net, in the state that the sequence begins with.
        loop: Its loop, at the beginning. If there is a plan, the outputs of the loop are not needed.
        folding: The samples that run in each step.
        trusts: True to assume that unknown functions act on each sample alone.
        describes: True to find out which module calls each function.

    Returns:
        The plan, the reason if there is no plan, and a record of a step. Without a plan, the loop must go on.
    """
    start = {module: module._kept for module in temporal(net)}
    records: list[Record] = []
    while True:
        record = Record(net, loop.next_input(), trusts, describes)
        outputs, spec = loop.step(record.recording())
        record.finish(outputs, spec)
        records.append(record)
        if record.reason:
            return None, record.reason, record
        if folding.order is not None and record.may_count():
            return None, "forward may compute with the batch size, which is not the same in all steps", record
        key = record.key(), modes(net), torch.is_grad_enabled(), autocast_of(record.values[0])
        believed = _BELIEVED.setdefault(net, {})
        plan = believed.get(key)
        if plan is None and record.leaks(outputs):
            return None, "forward leaves values in a container outside of the call", record
        if plan is None and len(records) < min(_CHECKED, folding.steps):
            continue
        if plan is None:
            if records[0].key() != record.key():
                return None, "forward does something different in the second step", record
            plan = record.plan()
            wrong = _difference(plan, net, records, start, folding)
            if wrong:
                return None, wrong, record
            if not plan.holds_results:  # they belong to this call, and would keep their graph alive
                if len(believed) == _MOST:
                    del believed[next(iter(believed))]
                believed[key] = plan
        loop.leave()
        for module, kept in start.items():
            module._kept = kept
        return plan, "", record


def schedule_of(plan: Plan, net: nn.Module, record: Record, steps: int, describe: bool = True) -> Schedule:
    """Return the schedule of a net that was recorded; with ``describe``, it lists the calls and how each will run."""
    layers = described(record.steps, net, record.inputs(), steps) if describe else ()
    reason = f"asserted by schedule='layers' ({record.trusted})" if record.trusted else LAYERS
    basis = _Step(net, record.values[0]) if describe and not record.may_count() else None
    return Schedule("layers", reason, layers, plan.gains_from_blocks, plan=plan, basis=basis)


class _Step:
    """The basis of the schedule of a net whose step was recorded: what its code may have read besides values."""

    def __init__(self, net: nn.Module, x: Tensor) -> None:
        self._modes = modes(net)
        self._has_gradients = torch.is_grad_enabled()  # if off, the record does not show what ran without gradients
        self._form = _form(x)
        self._look = Look(list(net.modules()), kinds=True)

    def holds(self, plan: Plan, net: nn.Module, xs: Tensor | None) -> bool:
        """Return True if another record of a step would be the same."""
        if modes(net) != self._modes or (xs is not None and _form(xs[0]) != self._form):
            return False
        if torch.is_grad_enabled() > self._has_gradients or hooked(net) is not None:
            return False
        if torch.compiler.is_compiling():  # a compiler cannot look around
            return plan.fits(net)
        return Look(list(net.modules()), kinds=True).places == self._look.places


def _form(x: Tensor) -> tuple[Any, ...]:
    """Return everything about one step's input that code may ask besides its values and the number of samples."""
    return x.dim(), x.shape[1:], x.dtype, x.device, autocast_of(x)


def recorded_ahead(net: nn.Module, xs: Tensor, trusts: bool = False) -> Schedule:
    """Find out how a net with its own code will run, by running the first steps of ``xs[T, batch, ...]`` on a copy.

    The net and the random generators stay as they are. ``trusts`` is as for :func:`recorded`.

    Raises:
        ValueError: If ``trusts`` is True, and the net still cannot run layer by layer.
    """
    try:
        twin = copied(net)
    except ValueError as why:
        return Schedule("steps", f"no copy of it can be run ahead: {why}")
    with RandomStates():
        folding = Folding(min(len(xs), _CHECKED))
        reset(twin)
        first = xs[:_CHECKED].detach().clone().requires_grad_(xs.requires_grad)
        plan, reason, record = recorded(twin, Loop(twin, first, folding), folding, trusts, describes=True)
        if plan is None and trusts:
            refuse_layers(reason)
        return Schedule("steps", reason) if plan is None else schedule_of(plan, net, record, len(xs))


def refuse_layers(reason: str) -> NoReturn:
    """Raise an error that says why a net cannot run layer by layer, although the caller asserted that it can."""
    raise ValueError(
        "unroll: schedule='layers' cannot run this net, whose outputs would differ from the loop's "
        f"({reason}); use schedule='auto'"
    )


def _difference(plan: Plan, net: nn.Module, records: list[Record], start: dict[Any, Any], folding: Folding) -> str:
    """Compare each call over several steps at once with its results in single steps on the same arguments."""
    first = records[0].values[0]
    if not fits(first) or first.is_meta:
        return ""  # there are no values to compare
    run = Pass(net, dict(net.named_modules(remove_duplicate=False)), folding.part(0, len(records)), None, {})
    with RandomStates(), torch.no_grad():
        for step in plan.steps:
            if step.of_step and not _same(step, run, net, records, start):
                return f"'{step.kind}' gives something different for several steps at once than for one at a time"
    return ""


class _Together(dict[int, Any]):
    """The values of several records by number, with the rows of the steps one after another."""

    def __init__(self, records: list[Record]) -> None:
        super().__init__()
        self._records = records

    def __missing__(self, number: int) -> Tensor:
        values = [record.values[number].detach() for record in self._records]
        return torch.cat(values) if self._records[0].is_of_step(number) else values[0]


def _same(step: Step, run: Pass, net: nn.Module, records: list[Record], start: dict[Any, Any]) -> bool:
    values = _Together(records)
    args = [value_of(values, net, value) for value in step.args]
    kwargs = {name: value_of(values, net, value) for name, value in step.kwargs.items()}
    if not isinstance(step.compute, Neuron):
        out = step.compute(run, step.path, *args, **kwargs)
        return _agree(step, out, records)
    module: Any = run.modules[step.path]
    if not isinstance(module, SpikingNeuron) or isinstance(module, WholeSequence) or run.folding.order is not None:
        return True
    last = module._kept
    try:
        module._kept = start[module]
        out = step.compute(run, step.path, *args, **kwargs)
        return _agree(step, out, records) and all(map(_close, module._kept, last))
    finally:
        module._kept = last


def _agree(step: Step, out: Any, records: list[Record]) -> bool:
    outs = tree_leaves(out) if step.several else (out,)
    if getattr(step.compute, "func", None) is Tensor.new_empty:
        return True  # its values do not matter
    expected = map(_Together(records).__missing__, step.places)
    return all(map(_close, outs, expected))


def _close(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not a.is_floating_point():
        return torch.equal(a, b)
    finite = b.detach()[b.isfinite()]
    scale = finite.abs().max().item() if finite.numel() else 1.0
    return torch.allclose(a.detach(), b.detach(), rtol=1e-3, atol=1e-4 * scale, equal_nan=True)
