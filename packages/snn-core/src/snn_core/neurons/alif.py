"""Leaky integrate-and-fire with a threshold that rises with every spike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Unpack

from torch import Tensor

from snn_core.neuron.constant import Constant, Learn, clamped
from snn_core.neuron.drawn import Draw, Drawn, normal_steps
from snn_core.neuron.signatures import LIFOptions, takes
from snn_core.neuron.spiking import LIF


class ALIF(Drawn, LIF):
    r"""Adaptive leaky integrate-and-fire neuron: each spike raises the threshold, which then decays.

    .. math::

        A[t] &= \rho\,A[t-1] + (1 - \rho)\,S[t-1], \qquad B[t] = \vartheta + \kappa\,A[t] \\
        U[t] &= \beta\,U[t-1] + (1 - \beta)\,X[t] - B[t]\,S[t-1], \qquad S[t] = \Theta(U[t] - B[t])

    The spikes of the step before act with their surrogate gradient; before the first step there are none, and
    :math:`S[0] = 0` has no gradient. The reset is part of the equation, so ``reset_mechanism`` and ``reset_delay`` have
    no effect.

    ``random`` draws time constants of 20 steps with a standard deviation of 5 for the membrane, and of 150 steps with a
    standard deviation of 10 for the adaptation, as Yin et al. do for spoken digits.

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

    draws: ClassVar[Mapping[str, Draw]] = {"beta": normal_steps(20, 5), "rho": normal_steps(150, 10)}

    rho: Tensor
    kappa: Tensor

    @takes("threshold", threshold=0.01)
    def __init__(
        self,
        beta: Constant,
        rho: Constant,
        kappa: Constant = 1.8,
        *args: Any,
        learn_rho: Learn = False,
        learn_kappa: bool = False,
        **options: Unpack[LIFOptions],
    ) -> None:
        super().__init__(beta=beta, **options)
        self._decay("rho", rho, learn=learn_rho)
        self.constant("kappa", kappa, learn=learn_kappa)

    def integrate(self, x: Tensor, state: Any) -> Any:
        spk = self.last_spikes(state)
        rho, beta = clamped(self.rho), self.membrane_decay
        adaptation = rho * state.adaptation + (1 - rho) * spk
        threshold = self.threshold + self.kappa * adaptation
        mem = beta * state.mem + (1 - beta) * x - threshold * spk
        return state._replace(adaptation=adaptation, mem=mem)

    def membrane(self, state: Any) -> Tensor:
        return state.mem - self.kappa * state.adaptation
