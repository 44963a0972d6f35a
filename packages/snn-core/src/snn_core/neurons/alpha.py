"""A leaky integrate-and-fire neuron whose response to a spike is an alpha function."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

import torch
from torch import Tensor

from snn_core.neuron.constant import Constant, Learn, anywhere, clamped
from snn_core.neuron.signatures import ORDER, LIFOptions, takes
from snn_core.neuron.spiking import LIF


class Alpha(LIF):
    r"""Spike response neuron: the membrane follows the difference of two exponentials.

    .. math::

        E[t] = \alpha\,E[t-1] + X[t], \qquad
        I[t] = \beta\,I[t-1] - X[t], \qquad
        U[t] = \tau\,(E[t] + I[t]), \qquad
        \tau = \frac{\ln\alpha}{\ln\beta - \ln\alpha} + 1

    ``reset_mechanism="zero"`` clears the excitatory and inhibitory currents and the membrane after they have taken the
    step's input; ``"subtract"`` lowers the excitatory current by :math:`\vartheta / \tau` and thus the membrane by
    :math:`\vartheta`.

    Args:
        alpha: Decay of the excitatory current per step; greater than ``beta``. A scalar, or one per neuron.
        beta: Decay of the inhibitory current per step; less than ``alpha``, so below 1. A scalar, or one per neuron.
        learn_alpha: Make ``alpha`` a parameter; ``"bounded"`` keeps it inside (0, 1).
        learn_beta: Make ``beta`` a parameter; ``"bounded"`` keeps it inside (0, 1).

    The other options are those of :class:`~snn_core.SpikingNeuron`.

    Shape:
        input ``[batch, ...]``; spikes, both currents and membrane the same.

    Returns:
        ``(spk, syn_exc, syn_inh, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If an ``alpha`` is not greater than ``beta``, both clamped to [0, 1], or a ``beta`` is 1 or more.

    Example:
        >>> import torch
        >>> neuron = Alpha(alpha=0.9, beta=0.8)
        >>> _, exc, inh, mem = neuron(torch.ones(1, 1))
        >>> _, exc, inh, mem = neuron(torch.zeros(1, 1), exc, inh, mem)
        >>> exc, inh, mem
        (tensor([[0.9000]]), tensor([[-0.8000]]), tensor([[0.1895]]))

    Source: Gerstner et al., Neuronal Dynamics (2014), section 6.4.
    """

    class State(NamedTuple):
        """Excitatory current, inhibitory current and membrane potential."""

        syn_exc: Tensor
        syn_inh: Tensor
        mem: Tensor

    clears_first: ClassVar[bool] = False
    described: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    alpha: Tensor

    @takes(ORDER, reset_mechanism="zero")
    def __init__(
        self, alpha: Constant, beta: Constant, *args: Any, learn_alpha: Learn = False, **options: Unpack[LIFOptions]
    ) -> None:
        super().__init__(beta=beta, **options)
        self._decay("alpha", alpha, learn=learn_alpha)
        if anywhere(self.membrane_decay == 1):
            raise ValueError(f"Alpha: beta must be less than 1, where the time constant diverges, got {beta=}")
        if anywhere(clamped(self.alpha) <= self.membrane_decay):
            raise ValueError(
                f"Alpha: alpha must be greater than beta everywhere, both clamped to [0, 1], got {alpha=}, {beta=}"
            )

    @property
    def tau(self) -> Tensor:
        """The factor that scales the difference of the currents to the membrane."""
        alpha, beta = clamped(self.alpha), self.membrane_decay
        log_alpha = alpha.log()
        # at a beta of 0, where its slope is infinite, it is 1
        share = log_alpha / (torch.where(beta > 0, beta, alpha / 2).log() - log_alpha)
        return torch.where(beta > 0, share, 0.0) + 1

    def integrate(self, x: Tensor, state: Any) -> Any:
        syn_exc = clamped(self.alpha) * state.syn_exc + x
        syn_inh = self.membrane_decay * state.syn_inh - x
        return state._replace(syn_exc=syn_exc, syn_inh=syn_inh, mem=self.tau * (syn_exc + syn_inh))

    def subtract(self, state: Any, amount: Tensor) -> Any:
        return state._replace(syn_exc=state.syn_exc - amount / self.tau, mem=state.mem - amount)

    def clear(self, state: Any, fired: Tensor) -> Any:
        kept = 1 - fired
        return state._replace(syn_exc=state.syn_exc * kept, syn_inh=state.syn_inh * kept, mem=state.mem * kept)
