"""Threshold."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from snn_core import SpikingNeuron


class Threshold(SpikingNeuron):
    r"""Neuron that spikes where the input of the same step is above a threshold, :math:`z = \Theta(x - v_{threshold})`.

    A neuron without memory: its membrane potential is its input.

    Args:
        threshold: Value above which it fires, one per neuron; a parameter.
        **options: Options of :class:`~snn_core.SpikingNeuron`.

    Shape:
        input ``[batch, ...]``; spikes the same.

    Example:
        >>> import torch
        >>> Threshold(torch.tensor([0.5, 1.0]))(torch.ones(1, 2))[0].tolist()
        [[1.0, 0.0]]

    Source: Pedersen et al., Neuromorphic intermediate representation (2024), table 1.
    """

    class State(NamedTuple):
        """The input of the last step."""

        mem: Tensor

    resets: ClassVar[bool] = False

    def __init__(self, threshold: Tensor, **options: Any) -> None:
        super().__init__(threshold, learn_threshold=True, reset_mechanism="none", **options)

    def integrate(self, x: Tensor, state: Any) -> Any:
        return state._replace(mem=x)

    def extra_repr(self) -> str:
        return self._describe("threshold", "spike_grad")
