"""Leaky integrate-and-fire with a synaptic current: a second-order neuron."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

from torch import Tensor

from snn_core.neuron.constant import Constant, Learn, clamped
from snn_core.neuron.signatures import ORDER, LIFOptions, takes
from snn_core.neuron.spiking import LIF


class Synaptic(LIF):
    r"""Second-order leaky integrate-and-fire neuron: the input drives a current, and the current drives the membrane.

    .. math::

        I[t] = \alpha\,I[t-1] + X[t], \qquad
        U[t] = \beta\,U[t-1] + I[t] - R[t]\,\vartheta, \qquad
        S[t] = g\,\Theta(U[t] - \vartheta)

    The current is never reset.

    Args:
        alpha: Decay of the synaptic current per step, in [0, 1]. A scalar, or one per neuron.
        beta: Membrane decay per step, in [0, 1]. A scalar, or one per neuron.
        learn_alpha: Make ``alpha`` a parameter; ``"bounded"`` keeps it inside (0, 1).
        learn_beta: Make ``beta`` a parameter; ``"bounded"`` keeps it inside (0, 1).

    The other options are those of :class:`~snn_core.SpikingNeuron`.

    Shape:
        input ``[batch, ...]``; spikes, current and membrane the same.

    Returns:
        ``(spk, syn, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Example:
        >>> import torch
        >>> spk, syn, mem = Synaptic(alpha=0.5, beta=0.9)(torch.full((1, 1), 0.75))
        >>> spk, syn, mem = Synaptic(alpha=0.5, beta=0.9)(torch.zeros(1, 1), syn, mem)
        >>> syn, mem
        (tensor([[0.3750]]), tensor([[1.0500]]))

    Source: Gerstner et al., Neuronal Dynamics (2014), section 3.1.
    """

    class State(NamedTuple):
        """Synaptic current and membrane potential."""

        syn: Tensor
        mem: Tensor

    peer_clears_last: ClassVar[bool] = True
    described: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    alpha: Tensor

    @takes(ORDER, "reset_delay")
    def __init__(
        self, alpha: Constant, beta: Constant, *args: Any, learn_alpha: Learn = False, **options: Unpack[LIFOptions]
    ) -> None:
        super().__init__(beta=beta, **options)
        self._decay("alpha", alpha, learn=learn_alpha)

    def integrate(self, x: Tensor, state: Any) -> Any:
        syn = clamped(self.alpha) * state.syn + x
        return state._replace(syn=syn, mem=self.membrane_decay * state.mem + syn)
