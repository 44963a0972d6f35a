"""Integrator."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from snn_core import SpikingNeuron
from snn_core.neuron import NonSpiking


class Integrating(SpikingNeuron):
    r"""Equation of a membrane without leak; for the arguments see :class:`I`.

    .. math:: \dot v = R\,x \quad\to\quad v' = v + \Delta t\,R\,x

    Forward Euler and the exact solution agree. A mix-in: it comes last among the bases.
    """

    class State(NamedTuple):
        """Membrane potential."""

        mem: Tensor

    described: ClassVar[tuple[str, ...]] = ("r", "dt")

    r: Tensor

    def __init__(self, *, r: Tensor, dt: float, **options: Any) -> None:
        super().__init__(**options)
        self.constant("r", r, learn=True)
        self.dt = dt

    def integrate(self, x: Tensor, state: Any) -> Any:
        return state._replace(mem=state.mem + (self.dt * self.r) * x)


class I(NonSpiking, Integrating):  # noqa: E742  (its name in NIR)
    r"""Integrator, :math:`\dot v = R\,x`, whose output is v.

    Args:
        r: Resistance R, one per neuron.
        dt: Time step, in the unit of time that ``r`` is meant in.
        **options: Options of :class:`~snn_core.SpikingNeuron` that do not concern spikes.

    Shape:
        input ``[batch, ...]``; output and state the same.

    Example:
        >>> import torch
        >>> I(r=torch.tensor([2.0]), dt=0.25).unroll(torch.ones(3, 1, 1))[0].flatten().tolist()
        [0.5, 1.0, 1.5]

    Source: Pedersen et al., Neuromorphic intermediate representation (2024), table 1.
    """
