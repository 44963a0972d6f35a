"""The equation of a leaky membrane."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from snn_core import SpikingNeuron
from snn_nir.importing.discretization import rise_of


class LeakyMembrane(SpikingNeuron):
    r"""Equation of a membrane that leaks toward :math:`v_{leak}`; for the arguments see :class:`LI`.

    .. math::

        \tau \dot v = (v_{leak} - v) + R\,x \quad\to\quad
        v' = (1 - \rho)\,v + \rho R\,x + \rho\,v_{leak}

    with :math:`\rho` from :func:`~snn_nir.importing.discretization.rise`. A mix-in: it comes last among the bases.
    """

    class State(NamedTuple):
        """Membrane potential."""

        mem: Tensor

    described: ClassVar[tuple[str, ...]] = ("tau", "r", "v_leak", "dt", "method")

    tau: Tensor
    r: Tensor
    v_leak: Tensor

    def __init__(
        self, *, tau: Tensor, r: Tensor, v_leak: Tensor, dt: float, method: str = "euler", **options: Any
    ) -> None:
        super().__init__(**options)
        rise_of(method)
        self.constant("tau", tau, learn=True)
        self.constant("r", r, learn=True)
        self.constant("v_leak", v_leak, learn=True)
        self.dt = dt
        self.method = method

    def integrate(self, x: Tensor, state: Any) -> Any:
        rho = rise_of(self.method)(self.tau, self.dt)
        return state._replace(mem=(1 - rho) * state.mem + (rho * self.r) * x + rho * self.v_leak)
