"""Leaky integrate-and-fire with two compartments."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

import torch
from torch import Tensor

from snn_core.neuron.constant import Constant
from snn_core.neuron.signatures import NeuronOptions, takes
from snn_core.neuron.spiking import SpikingNeuron


class TCLIF(SpikingNeuron):
    r"""Two-compartment leaky integrate-and-fire neuron: a dendrite remembers, a soma fires.

    .. math::

        V'[t] &= V[t-1] - \sigma(c_1)\,U[t-1] + X[t], \qquad U'[t] = U[t-1] + \sigma(c_2)\,V'[t] \\
        S[t] &= \Theta(U'[t] - \vartheta), \qquad V[t] = V'[t] - \gamma\,S[t], \qquad U[t] = U'[t] - \vartheta\,S[t]

    with the logistic function :math:`\sigma`. Spikes act with their surrogate gradient; before the first step there are
    none, and :math:`S[0] = 0` has no gradient. The states are :math:`V'[t]` and :math:`U'[t]`, as each step begins with
    the effect of the last step's spikes. The reset is part of the equation, so ``reset_mechanism`` and ``reset_delay``
    have no effect.

    Args:
        c1: Strength with which the soma draws from the dendrite, before the logistic function. A scalar, or one per
            neuron.
        c2: Strength with which the dendrite drives the soma, before the logistic function. A scalar, or one per neuron.
        gamma: Amount that a spike takes from the dendrite. A scalar, or one per neuron.
        learn_c1: Make ``c1`` a parameter.
        learn_c2: Make ``c2`` a parameter.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]``; spikes, dendrite and membrane the same.

    Returns:
        ``(spk, dendrite, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Example:
        >>> import torch
        >>> neuron = TCLIF()
        >>> spk, dendrite, mem = neuron(torch.full((1, 1), 3.0))
        >>> spk, dendrite, mem = neuron(torch.zeros(1, 1), dendrite, mem)
        >>> spk, dendrite, mem
        (tensor([[1.]]), tensor([[2.2500]]), tensor([[1.6250]]))

    Source: Zhang et al., TC-LIF: a two-compartment spiking neuron model for long-term sequential modeling (2024).
    """

    class State(NamedTuple):
        """Potential of the dendrite, and of the soma."""

        dendrite: Tensor
        mem: Tensor

    resets: ClassVar[bool] = False
    reads_spikes: ClassVar[bool] = True
    described: ClassVar[tuple[str, ...]] = ("c1", "c2", "gamma")

    c1: Tensor
    c2: Tensor
    gamma: Tensor

    @takes()
    def __init__(
        self,
        c1: Constant = 0.0,
        c2: Constant = 0.0,
        gamma: Constant = 0.5,
        *,
        learn_c1: bool = False,
        learn_c2: bool = False,
        **options: Unpack[NeuronOptions],
    ) -> None:
        super().__init__(**options)
        self.constant("c1", c1, learn=learn_c1)
        self.constant("c2", c2, learn=learn_c2)
        self.constant("gamma", gamma)

    def integrate(self, x: Tensor, state: Any) -> Any:
        spk = self.last_spikes(state)
        mem = state.mem - self.threshold * spk
        dendrite = state.dendrite - self.gamma * spk - torch.sigmoid(self.c1) * mem + x
        return state._replace(dendrite=dendrite, mem=mem + torch.sigmoid(self.c2) * dendrite)
