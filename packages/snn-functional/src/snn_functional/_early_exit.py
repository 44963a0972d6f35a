"""Inference that stops each sample as soon as its answer is clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from snn_core import unroll
from snn_core.neuron import Holding, States, Temporal, WholeSequence, temporal
from snn_core.results import Line, Result
from snn_core.sequence import changes_or_draws
from snn_functional._messages import fault, must
from snn_functional._numbers import real, whole
from snn_functional._recording import check_sequence, wide
from snn_functional._replica import check_net
from snn_functional._steps import checked_lengths


@dataclass(frozen=True, eq=False, repr=False)
class EarlyExit(Result):
    """The result of :func:`~snn_functional.early_exit`.

    Args:
        scores: The sum of each sample's outputs over its steps, ``[batch, num_outputs]``.
        steps: The number of steps that each sample ran, ``[batch]``, int64.
    """

    scores: Tensor
    steps: Tensor

    @property
    def predictions(self) -> Tensor:
        """The output with the highest score of each sample, the first one of equals; ``[batch]``, int64."""
        return self.scores.argmax(1)

    @property
    def mean_steps(self) -> float:
        """The mean number of steps."""
        return float(self.steps.double().mean())

    def to_dict(self) -> dict[str, Any]:
        """Return the predictions, the numbers of steps and their mean, as JSON data."""
        return {
            "predictions": self.predictions.tolist(),
            "steps": self.steps.tolist(),
            "mean_steps": self.mean_steps,
        }

    def _lines(self) -> list[Line]:
        samples, outputs = self.scores.shape
        return [f"EarlyExit of {samples} samples, {outputs} outputs: a mean of {self.mean_steps:.3g} steps"]


def early_exit(
    net: nn.Module,
    xs: Tensor,
    margin: float,
    *,
    every: int = 1,
    lengths: Tensor | Sequence[int] | None = None,
) -> EarlyExit:
    r"""Classify the samples of a batch, and stop each one as soon as its highest score leads by a margin.

    A score is the sum of an output over the steps so far: a number of spikes, if the outputs are spikes.

    .. math:: t_b = \min \{t : y_{b,(1)}[t] - y_{b,(2)}[t] \ge m\}, \qquad y_{bc}[t] = \sum_{s \le t} S_{bc}[s]

    Here :math:`y_{b,(1)}` and :math:`y_{b,(2)}` are the two highest scores of sample b. A sample whose highest score
    never leads by the margin runs all its steps, and its answer is that of ``unroll(net, xs).sum(0).argmax(1)``.

    A sample that has stopped is taken out of the batch and of the states, so that its later steps are not computed.
    The net runs by ``unroll``, ``every`` steps at a time, from rest, without gradients. The states that the net keeps
    do not change. Samples must not affect each other, as each answer would then depend on which others still run.

    Args:
        net: A net called with one step's input, in evaluation mode, whose output is ``[batch, num_outputs]``.
        xs: Its input ``[num_steps, batch, ...]``.
        margin: The lead :math:`m \ge 0` at which a sample stops; ``math.inf`` stops none.
        every: Number of steps from one comparison of the scores to the next. Samples stop later with a larger number,
            but a small net takes less time, as ``unroll`` gains from many steps at once (docs/streaming.md).
        lengths: Number of steps of each sample ``[batch]``, if they differ.

    Returns:
        The ``predictions`` of the samples, the ``steps`` that each one ran, their mean as ``mean_steps``, and the
        ``scores``.

    Raises:
        TypeError: If ``net`` is not a module or does not return one tensor, ``xs`` is not a real tensor, ``margin`` not
            a number, ``every`` not an int or ``lengths`` are not integers.
        ValueError: If ``net`` has fewer than two outputs for each sample, or a module that is in training mode and
            draws random numbers or changes its statistics, that takes the whole sequence at once, or whose state does
            not belong to single samples; if ``xs`` is empty, ``margin`` negative or NaN, ``every`` below 1, or
            ``lengths`` does not fit.

    Example:
        The highest score of the first sample leads by two spikes after two steps, that of the second after five:

        >>> import snn_core as snn
        >>> net = snn.Leaky(beta=0.5, init_hidden=True)
        >>> xs = torch.tensor([[2.0, 0.0], [0.0, 0.75]]).expand(6, 2, 2)
        >>> answer = early_exit(net, xs, margin=2)
        >>> answer.predictions, answer.steps, answer.mean_steps
        (tensor([0, 1]), tensor([2, 5]), 3.5)
    """
    check_net(net)
    check_sequence(xs, "xs", "pass xs.real or xs.abs()")
    _check_modules(net)
    if not (margin := real("margin", margin, "the lead at which a sample stops, a number")) >= 0:
        raise ValueError(must("margin", "be at least 0", margin))
    whole("every", every, "a number of steps, an int", least=1)
    steps, batch = xs.shape[:2]
    ends = torch.full((batch,), steps, device="cpu") if lengths is None else checked_lengths(lengths, xs, "xs").cpu()
    scores, ran, running = torch.zeros(0), ends.clone(), torch.arange(batch, device="cpu")
    states: States = dict.fromkeys(temporal(net))
    with torch.no_grad():
        for start in range(0, steps, every):
            stop, here = min(start + every, steps), ends[running]
            out, states = _run(net, _of(running, xs[start:stop]), here - start, states, start > 0)
            scores = scores if start else out.new_zeros(batch, out.shape[1])
            rows = running.to(out.device)
            best = scores.index_add_(0, rows, out)[rows].topk(2).values
            ran[running] = here.clamp_max(stop)
            going = ~(best[:, 0] - best[:, 1] >= margin).cpu() & (here > stop)
            if not going.any():
                break
            if not going.all():
                rest = going.nonzero().squeeze(1)
                running, states = running[rest], {module: _only(rest, kept) for module, kept in states.items()}
    return EarlyExit(scores, ran.to(scores.device))


def _run(net: nn.Module, xs: Tensor, left: Tensor, states: States, resume: bool) -> tuple[Tensor, States]:
    """Return the sum of the outputs over some steps, and the states after them."""
    lengths = left.clamp_max(len(xs)) if (left < len(xs)).any() else None
    with Holding(states) as after:
        out = unroll(net, xs, resume=resume, lengths=lengths)
    if not isinstance(out, Tensor):
        raise TypeError(
            must(
                "net",
                "return one tensor [batch, num_outputs] in each step",
                type(out).__name__,
                "use output=False in the last neuron, or a module that returns the spikes alone",
            )
        )
    if out.dim() != 3 or out.shape[1] != xs.shape[1] or out.shape[2] < 2:
        raise ValueError(
            must(
                "net",
                "return [batch, num_outputs] in each step, with two outputs or more",
                f"{tuple(out.shape[1:])} for {xs.shape[1]} samples",
            )
        )
    return wide(out).sum(0), after


def _of(samples: Tensor, xs: Tensor) -> Tensor:
    """Return the input of some samples; that of one step that is expanded stays so, as ``unroll`` computes it once."""
    if len(samples) == xs.shape[1]:
        return xs
    part = xs if xs.stride(0) else xs[:1]
    return part.index_select(1, samples.to(xs.device)).expand(len(xs), *[-1] * (xs.dim() - 1))


def _only(samples: Tensor, kept: Any) -> Any:
    """Return the state of some samples."""
    return tree_map_only(Tensor, lambda state: state if state.shape == (0,) else state[samples.to(state.device)], kept)


def _check_modules(net: nn.Module) -> None:
    for path, module in net.named_modules():
        name = f"the layer {path!r} ({type(module).__name__}) of net"
        if module.training and changes_or_draws(module):
            raise ValueError(
                fault(
                    f"{name} is in training mode, where it changes the net or draws random numbers", "call net.eval()"
                )
            )
        if isinstance(module, WholeSequence) and not module.may_be_cut:
            raise ValueError(fault(f"{name} takes the whole sequence at once and cannot stop early", module.instead))
        if isinstance(module, Temporal) and not module.keeps_by_sample:
            raise ValueError(
                fault(
                    f"{name} does not declare that it keeps only tensors [batch, ...], of which samples that stop "
                    "can be taken out",
                    "set keeps_by_sample = True in its class",
                )
            )
