"""The root of the leaky family: a membrane decay per step."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from snn_core.constant import Constant, clamped
from snn_core.firing import SpikeGrad
from snn_core.neuron import SpikingNeuron

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

    def __init__(
        self,
        beta: Constant,
        threshold: Constant = 1.0,
        spike_grad: SpikeGrad | None = None,
        surrogate_disable: bool = False,
        init_hidden: bool = False,
        inhibition: bool = False,
        learn_beta: bool = False,
        learn_threshold: bool = False,
        reset_mechanism: str = "subtract",
        state_quant: Any = False,
        output: bool = False,
        graded_spikes_factor: Constant = 1.0,
        learn_graded_spikes_factor: bool = False,
        *,
        reset_delay: bool = True,
    ) -> None:
        super().__init__(
            threshold,
            spike_grad,
            surrogate_disable,
            init_hidden,
            inhibition,
            learn_threshold,
            reset_mechanism,
            state_quant,
            output,
            graded_spikes_factor,
            learn_graded_spikes_factor,
            reset_delay=reset_delay,
        )
        self._decay("beta", beta, learn=learn_beta)

    @property
    def membrane_decay(self) -> Tensor:
        """``beta`` within [0, 1]."""
        return clamped(self.beta)
