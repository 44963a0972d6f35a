"""The root of the leaky family: a membrane decay per step."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from snn_core.neuron import signatures
from snn_core.neuron.arguments import takes
from snn_core.neuron.constant import Constant, clamped
from snn_core.neuron.spiking import SpikingNeuron

__all__ = ["LIF"]


class LIF(SpikingNeuron):
    """Base class of neurons with a membrane decay ``beta``.

    Args:
        beta: Membrane decay per step, clamped to [0, 1] where it is used; ``decay(tau, dt)`` converts seconds. A
            scalar, or one value per neuron.
        learn_beta: Make ``beta`` a parameter.

    The other options are those of :class:`~snn_core.SpikingNeuron`.
    """

    described: ClassVar[tuple[str, ...]] = ("beta",)

    beta: Tensor

    @takes(signatures.LIF)
    def __init__(self, beta: Constant, *, learn_beta: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._decay("beta", beta, learn=learn_beta)

    @property
    def membrane_decay(self) -> Tensor:
        """``beta`` within [0, 1]."""
        return clamped(self.beta)
