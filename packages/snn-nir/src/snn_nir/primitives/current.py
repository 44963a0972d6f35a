"""The equation of a synaptic current that drives a leaky membrane."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from snn_nir.importing.discretization import rise_of
from snn_nir.primitives.leak import LeakyMembrane


class SynapticCurrent(LeakyMembrane):
    r"""Equation of a leaky membrane behind a current that decays; for the arguments see :class:`CubaLI`.

    .. math::

        \tau_{syn} \dot I = -I + w_{in}\,x, \quad \tau_{mem} \dot v = (v_{leak} - v) + R\,I \quad\to\quad
        I' = (1 - \rho_s)\,I + \rho_s w_{in}\,x, \quad v' = (1 - \rho)\,v + \rho R\,I' + \rho\,v_{leak}

    The membrane reads the new current :math:`I'`. A mix-in: it comes last among the bases.
    """

    class State(NamedTuple):  # pyrefly: ignore[bad-override]  (a state of its own, as every neuron has)
        """Synaptic current and membrane potential."""

        syn: Tensor
        mem: Tensor

    described: ClassVar[tuple[str, ...]] = ("tau_syn", "tau", "r", "v_leak", "w_in", "dt", "method")

    tau_syn: Tensor
    w_in: Tensor

    def __init__(self, *, tau_syn: Tensor, tau_mem: Tensor, w_in: Tensor, **options: Any) -> None:
        super().__init__(tau=tau_mem, **options)
        self.constant("tau_syn", tau_syn, learn=True)
        self.constant("w_in", w_in, learn=True)

    def integrate(self, x: Tensor, state: Any) -> Any:
        rho = rise_of(self.method)(self.tau_syn, self.dt)
        syn = (1 - rho) * state.syn + (rho * self.w_in) * x
        return super().integrate(syn, state._replace(syn=syn))
