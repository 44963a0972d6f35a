"""Leaky integrate-and-fire."""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

from torch import Tensor

from snn_core.neuron.constant import Constant
from snn_core.neuron.signatures import GRADED, ORDER, LIFOptions, takes
from snn_core.neuron.spiking import LIF


class Leaky(LIF):
    r"""Leaky integrate-and-fire neuron.

    .. math:: U[t] = \beta\,U[t-1] + X[t] - R[t]\,\vartheta, \qquad S[t] = g\,\Theta(U[t] - \vartheta)

    With ``reset_mechanism="zero"`` the membrane is cleared before the input arrives,
    :math:`U[t] = \beta\,(1 - R[t])\,U[t-1] + X[t]`; with ``"none"`` it is left alone.

    Args:
        beta: Membrane decay per step, in [0, 1]; ``decay(tau, dt)`` converts seconds. A scalar, or one per neuron.
        learn_beta: Make ``beta`` a parameter; ``"bounded"`` keeps it inside (0, 1).

    The other options are those of :class:`~snn_core.SpikingNeuron`.

    Shape:
        input ``[batch, ...]``; spikes and membrane the same.

    Returns:
        ``(spk, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Example:
        >>> import torch
        >>> spk, mem = Leaky(beta=0.9)(torch.full((1, 2), 1.5))
        >>> spk
        tensor([[1., 1.]])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """

    class State(NamedTuple):
        """Membrane potential."""

        mem: Tensor

    @takes(ORDER, GRADED, "reset_delay")
    def __init__(self, beta: Constant, *args: Any, **options: Unpack[LIFOptions]) -> None:
        super().__init__(beta=beta, **options)

    def integrate(self, x: Tensor, state: Any) -> Any:
        return state._replace(mem=self.membrane_decay * state.mem + x)
