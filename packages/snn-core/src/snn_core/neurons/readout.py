"""A leaky membrane that never fires, as the output of a net."""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

from torch import Tensor

from snn_core.neuron.constant import Constant
from snn_core.neuron.nonspiking import NonSpiking
from snn_core.neuron.signatures import ReadoutOptions, takes
from snn_core.neuron.spiking import LIF


class Readout(NonSpiking, LIF):
    r"""Leaky integrator that never fires: the read-out of a net by its membrane potential.

    .. math:: U[t] = \beta\,U[t-1] + X[t]

    It has no threshold, no spikes and no reset. The mean, the maximum or the last of the membranes over time are the
    scores of the classes, as in ``functional.ce_membrane_loss``.

    Args:
        beta: Membrane decay per step, in [0, 1]; ``decay(tau, dt)`` converts seconds. A scalar, or one per neuron.
            With 1 the membrane is the sum of the input.
        learn_beta: Make ``beta`` a parameter; ``"bounded"`` keeps it inside (0, 1).
        init_hidden: Keep the membrane between calls; if False, pass it on yourself, ``mem = readout(x, mem)``.
        state_quant: A function applied to the membrane in every step; or False.

    Shape:
        input ``[batch, ...]``; membrane the same.

    Returns:
        The membrane of the step, which is both the output and the state.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(Readout(beta=0.5), torch.ones(3, 1, 1)).flatten()
        tensor([1.0000, 1.5000, 1.7500])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3; Cramer et al., The Heidelberg Spiking Data Sets for
        the Systematic Evaluation of Spiking Neural Networks (2022), for the read-out.
    """

    class State(NamedTuple):
        """Membrane potential."""

        mem: Tensor

    @takes(init_hidden=True)
    def __init__(self, beta: Constant, **options: Unpack[ReadoutOptions]) -> None:
        super().__init__(beta=beta, **options)

    def integrate(self, x: Tensor, state: Any) -> Any:
        return state._replace(mem=self.membrane_decay * state.mem + x)
