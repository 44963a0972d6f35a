"""A neuron's sequences while time is folded into the batch axis, also where they are of unequal length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from snn_core import kernels
from snn_core.neuron.state import must_fit
from snn_core.sequence.ending import Ending
from snn_core.sequence.folding import Folding

__all__ = ["sequences"]


def sequences(neuron: Any, x: Tensor, kept: Any, folding: Folding) -> tuple[Tensor, Any, Any]:
    """Run a neuron over rows that are steps and samples in one.

    Args:
        neuron: A :class:`~snn_core.SpikingNeuron`.
        x: Its input, ``[rows, ...]``.
        kept: The state ``[batch, ...]`` before the first step; None at rest.
        folding: How the rows are made of steps.

    Returns:
        Spikes ``[rows, ...]``; with ``neuron.output`` every step's states as rows, else None; the state of each sample
        after its last step.

    Example:
        >>> import snn_core as snn
        >>> lif, folding = snn.Leaky(beta=0.5, reset_mechanism="none"), Folding(3, (2, 1, 1), torch.tensor([1, 0]))
        >>> spk, _, last = sequences(lif, torch.ones(4), None, folding)
        >>> spk, last.mem
        (tensor([0., 0., 1., 1.]), tensor([1.0000, 1.7500]))
    """
    if folding.order is not None:
        done = _padded(neuron, x, kept, folding) if _gains_from_padding(neuron, x, folding) else None
        return _by_stretches(neuron, x, kept, folding) if done is None else done
    xs = folding.unfold(x)
    spk, states = _run(neuron, xs, kept, trace=neuron.output)
    last = _each(Tensor.clone, _last_of(states)) if neuron.output else states  # a view would hold all steps in memory
    return folding.fold(spk), _each(folding.fold, states) if neuron.output else None, last


# numbers in a stretch; with fewer, calling a fused kernel for each costs more than to run on samples that have ended
_WORTH_A_CALL = 2**15


def _gains_from_padding(neuron: Any, x: Tensor, folding: Folding) -> bool:
    if torch.compiler.is_compiling() or x.numel() >= _WORTH_A_CALL * len(set(folding.running or ())):
        return False
    return kernels.choose(neuron, x.unsqueeze(0)).name != "reference"


def _padded(neuron: Any, x: Tensor, kept: Any, folding: Folding) -> tuple[Tensor, Any, Any] | None:
    """All samples to the end of the longest, without input after their own, so that a fused kernel is called once.

    None if a state has blown up by then, since the gradient of what nobody sees would be NaN in place of zero.
    """
    spk, states = _run(neuron, folding.unfold(x), kept, trace=True)
    if not all(bool(s.isfinite().all()) for s in _last_of(states)):
        return None
    before = [None] * len(states) if kept is None else kept
    last = neuron.State._make([folding.at_end(s, b) for s, b in zip(states, before, strict=True)])
    return folding.fold(spk), _each(folding.fold, states) if neuron.output else None, last


def _by_stretches(neuron: Any, x: Tensor, kept: Any, folding: Folding) -> tuple[Tensor, Any, Any]:
    """Those samples alone that run still, from one end of a sample to the next."""
    ending = Ending(folding.order, type(neuron).__name__)
    spikes, traces = [], []
    for xs in folding.stretches(x):
        kept = ending.running(kept, xs.shape[1])
        spk, states = _run(neuron, xs, kept, trace=neuron.output)
        spikes.append(spk)
        traces.append(states)
        kept = _last_of(states) if neuron.output else states
    rows = [folding.joined(column) for column in zip(*traces, strict=True)] if neuron.output else None
    return folding.joined(spikes), rows and neuron.State._make(rows), ending.whole(kept)


def _run(neuron: Any, xs: Tensor, kept: Any, trace: bool) -> tuple[Tensor, Any]:
    if kept is not None:
        must_fit(neuron, kept, xs.detach()[0])
    return neuron.unroll(xs, kept, trace=trace)


def _last_of(states: Any) -> Any:
    return _each(lambda s: s[-1], states)


def _each(fn: Callable[[Tensor], Tensor], states: Any) -> Any:
    return states._make(map(fn, states))
