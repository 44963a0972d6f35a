"""The equation of a leaky membrane."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from snn_core import SpikingNeuron
from snn_nir.importing.discretization import rise_of


class LeakyMembrane(SpikingNeuron):
    r"""Equation of a membrane that leaks toward :math:`v_{leak}`.

    .. math::

        \tau \dot v = (v_{leak} - v) + R\,x \quad\to\quad
        v' = (1 - \rho)\,v + \rho R\,x + \rho\,v_{leak}

    with :math:`\rho` from :func:`~snn_nir.importing.discretization.rise`. A mix-in: it comes last among the bases.

    Args:
        tau: Time constant, one per neuron, in the unit of ``dt``.
        r: Resistance R, one per neuron.
        v_leak: Potential at rest, one per neuron.
        dt: Time step.
        method: ``"euler"`` or ``"exact"``.
        **options: Options of :class:`~snn_core.SpikingNeuron`.

    Raises:
        ValueError: If the method is unknown.

    Example:
        >>> import torch
        >>> from snn_nir.primitives import LI
        >>> one = torch.ones(1)
        >>> LI(tau=4 * one, r=one, v_leak=0 * one, dt=1.0).step(one[None])[0].item()
        0.25
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
