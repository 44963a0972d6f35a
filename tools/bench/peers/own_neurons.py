"""Neurons as a user writes them, unknown to every kernel and to other libraries."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

import snn_core as snn


class Adaptive(snn.SpikingNeuron):
    """A neuron with a second state, which follows the membrane and lowers it.

    Example:
        >>> neuron = Adaptive(0.9)
        >>> _, last = neuron.unroll(torch.full((2, 1, 1), 0.5))
        >>> round(last.low.item(), 4)
        0.05
    """

    class State(NamedTuple):
        """Membrane potential, and the state that lowers it."""

        mem: Tensor
        low: Tensor

    def __init__(self, beta: float, **options) -> None:
        super().__init__(**options)
        self.constant("beta", beta)

    def integrate(self, x: Tensor, state: State) -> State:
        return self.State(self.beta * state.mem + x - 0.2 * state.low, 0.9 * state.low + 0.1 * state.mem)


class Exponential(Adaptive):
    """The same neuron with a sharp rise of the membrane near the threshold."""

    def integrate(self, x: Tensor, state: Adaptive.State) -> Adaptive.State:
        mem, low = super().integrate(x, state)
        return self.State(mem + 0.02 * torch.exp(2.0 * (state.mem - 1.0)), low)
