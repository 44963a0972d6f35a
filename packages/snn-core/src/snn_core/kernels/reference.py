"""The specification: a plain loop over a neuron's step, under ordinary autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["Advance", "loop"]

Advance = Callable[[Tensor, Any, Any], tuple[Tensor, Any, Any]]


def loop(advance: Advance, xs: Tensor, state: Any, trace: bool) -> tuple[Tensor, Any]:
    """Every step of a sequence, one after the other.

    Args:
        advance: One step, ``(x, state, carried) -> (spikes, state, carried)``, such as a neuron's ``advance``; what is
            carried is None in the first step.
        xs: Input ``[T, batch, ...]``, T >= 1.
        state: A complete state of the neuron.
        trace: Return every step's states, stacked on axis 0, in place of the last one.

    Returns:
        ``(spikes, state)``, the spikes ``[T, batch, ...]``.

    Example:
        >>> import snn_core as snn
        >>> lif = snn.Leaky(beta=0.5, reset_mechanism="none")
        >>> xs = torch.ones(3, 1)
        >>> loop(lif.advance, xs, lif.State(torch.zeros(1)), trace=True)[1].mem.flatten()
        tensor([1.0000, 1.5000, 1.7500])
    """
    spikes, states, carried = [], [], None
    # unbind, not xs[t]: the backward of an index writes a gradient of the size of xs, which makes T of them quadratic
    for x in xs.unbind(0):
        spk, state, carried = advance(x, state, carried)
        spikes.append(spk)
        if trace:
            states.append(state)
    if trace:
        state = type(state)._make([torch.stack(field) for field in zip(*states, strict=True)])
    return torch.stack(spikes), state
