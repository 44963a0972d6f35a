"""A membrane and an adaptation current: the equation that neurons with different decays share."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from snn_core.neuron.constant import Constant
from snn_core.neuron.drawn import Drawn
from snn_core.neuron.spiking import SpikingNeuron


class Adapting(Drawn, SpikingNeuron):
    """Base class of neurons with the equations of :class:`~snn_core.AdLIF`.

    A subclass has the states ``adaptation`` and ``mem``, and defines both decays by :meth:`decays`.
    """

    resets: ClassVar[bool] = False
    reads_spikes: ClassVar[bool] = True

    a: Tensor
    b: Tensor

    def __init__(
        self, *, a: Constant, b: Constant, learn_a: bool = False, learn_b: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.constant("a", a, learn=learn_a)
        self.constant("b", b, learn=learn_b)

    def decays(self) -> tuple[Tensor, Tensor]:
        """Return the decays per step of the membrane and of the adaptation current."""
        raise NotImplementedError(f"{type(self).__name__} must define decays(self)")

    def integrate(self, x: Tensor, state: Any) -> Any:
        spk, (beta, rho) = self.last_spikes(state), self.decays()
        adaptation = rho * state.adaptation + self.a * state.mem + self.b * spk
        mem = beta * (state.mem - self.threshold * spk) + (1 - beta) * (x - adaptation)
        return state._replace(adaptation=adaptation, mem=mem)
