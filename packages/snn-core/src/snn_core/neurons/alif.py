"""Leaky integrate-and-fire with a threshold that rises with every spike."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from snn_core.neuron import signatures
from snn_core.neuron.bounds import drawn
from snn_core.neuron.constant import Constant, Learn, clamped, decay
from snn_core.neuron.spiking import LIF


class ALIF(LIF):
    r"""Adaptive leaky integrate-and-fire neuron: each spike raises the threshold, which then decays.

    .. math::

        A[t] &= \rho\,A[t-1] + (1 - \rho)\,S[t-1], \qquad B[t] = \vartheta + \kappa\,A[t] \\
        U[t] &= \beta\,U[t-1] + (1 - \beta)\,X[t] - B[t]\,S[t-1], \qquad S[t] = \Theta(U[t] - B[t])

    The spikes of the step before act with their surrogate gradient; before the first step there are none, and
    :math:`S[0] = 0` has no gradient. The reset is part of the equation, so ``reset_mechanism`` and ``reset_delay`` have
    no effect.

    Args:
        beta: Membrane decay per step, in [0, 1]; ``decay(tau, dt)`` converts seconds. A scalar, or one per neuron.
        rho: Decay of the adaptation per step, in [0, 1]. A scalar, or one per neuron.
        kappa: Strength with which the adaptation raises the threshold. A scalar, or one per neuron.
        threshold: Threshold of a neuron that has not fired.
        learn_beta: Make ``beta`` a parameter; ``"bounded"`` keeps it inside (0, 1).
        learn_rho: Make ``rho`` a parameter; ``"bounded"`` keeps it inside (0, 1).
        learn_kappa: Make ``kappa`` a parameter.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]``; spikes, adaptation and membrane the same.

    Returns:
        ``(spk, adaptation, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        TypeError: If a state is passed with ``init_hidden=True``.
        ValueError: If a state does not fit the input.

    Example:
        >>> import torch
        >>> neuron = ALIF(beta=0.5, rho=0.75, kappa=2.0, threshold=0.25)
        >>> spk, adaptation, mem = neuron(torch.ones(1, 1))
        >>> spk, adaptation, mem = neuron(torch.ones(1, 1), adaptation, mem)
        >>> spk, adaptation, mem
        (tensor([[0.]]), tensor([[0.2500]]), tensor([[0.]]))

    Source: Bellec et al., Long short-term memory and learning-to-learn in networks of spiking neurons (2018); Yin et
    al., Accurate and efficient time-domain classification with adaptive spiking recurrent neural networks (2021).
    """

    class State(NamedTuple):
        """Adaptation and membrane potential."""

        adaptation: Tensor
        mem: Tensor

    resets: ClassVar[bool] = False
    reads_spikes: ClassVar[bool] = True
    described: ClassVar[tuple[str, ...]] = ("beta", "rho", "kappa")

    rho: Tensor
    kappa: Tensor

    @signatures.takes(signatures.ALIF)
    def __init__(
        self,
        rho: Constant,
        kappa: Constant = 1.8,
        threshold: Constant = 0.01,
        *,
        learn_rho: Learn = False,
        learn_kappa: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(threshold=threshold, **options)
        self._decay("rho", rho, learn=learn_rho)
        self.constant("kappa", kappa, learn=learn_kappa)

    @classmethod
    def random(cls, neurons: int, **options: Any) -> ALIF:
        """Return a layer of neurons, each with its own decays, which are learned within (0, 1).

        Args:
            neurons: Number of neurons.
            **options: Further arguments of the constructor. A constant among them is not drawn; it is learned unless
                ``learn_...=False`` is passed with it.

        Returns:
            The neurons: time constants are 20 steps with a standard deviation of 5 for the membrane, and 150 steps with
                a standard deviation of 10 for the adaptation, as in Yin et al. for spoken digits.

        Example:
            >>> ALIF.random(3).beta.shape
            torch.Size([3])
        """
        beta, rho = (decay((m + s * torch.randn(neurons)).clamp_min(1), 1) for m, s in ((20, 5), (150, 10)))
        return drawn(cls, {"beta": beta, "rho": rho}, options, beta=(0, 1), rho=(0, 1))

    def integrate(self, x: Tensor, state: Any) -> Any:
        spk = self.last_spikes(state)
        rho, beta = clamped(self.rho), self.membrane_decay
        adaptation = rho * state.adaptation + (1 - rho) * spk
        threshold = self.threshold + self.kappa * adaptation
        mem = beta * state.mem + (1 - beta) * x - threshold * spk
        return state._replace(adaptation=adaptation, mem=mem)

    def membrane(self, state: Any) -> Tensor:
        return state.mem - self.kappa * state.adaptation
