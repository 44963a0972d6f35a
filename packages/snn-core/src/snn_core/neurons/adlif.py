"""Leaky integrate-and-fire with an adaptation current that is driven by membrane and spikes."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from snn_core.neuron.bounds import bounded, uniform
from snn_core.neuron.constant import Constant, clamped, decay
from snn_core.neuron.spiking import LIF


class AdLIF(LIF):
    r"""Adaptive leaky integrate-and-fire neuron: a current that follows membrane and spikes works against the input.

    .. math::

        W[t] &= \rho\,W[t-1] + a\,U[t-1] + b\,S[t-1] \\
        U[t] &= \beta\,(U[t-1] - \vartheta\,S[t-1]) + (1 - \beta)\,(X[t] - W[t]), \qquad S[t] = \Theta(U[t] - \vartheta)

    The spikes of the step before act with their surrogate gradient. The reset is part of the equation, so that
    ``reset_mechanism`` and ``reset_delay`` have no effect.

    Args:
        beta: Membrane decay per step, in [0, 1]; ``decay(tau, dt)`` converts seconds. A scalar, or one per neuron.
        rho: Decay of the adaptation current per step, in [0, 1]. A scalar, or one per neuron.
        a: How much the membrane drives the adaptation current. A scalar, or one per neuron.
        b: How much a spike drives it. A scalar, or one per neuron.
        learn_beta: Make ``beta`` a parameter.
        learn_rho: Make ``rho`` a parameter.
        learn_a: Make ``a`` a parameter.
        learn_b: Make ``b`` a parameter.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]``; spikes, adaptation current and membrane the same.

    Returns:
        ``(spk, adaptation, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        TypeError: If a state is passed with ``init_hidden=True``.
        ValueError: If a state does not fit the input.

    Example:
        >>> import torch
        >>> neuron = AdLIF(beta=0.5, rho=0.75, a=0.5, b=1.0)
        >>> spk, adaptation, mem = neuron(torch.full((1, 1), 4.0))
        >>> spk, adaptation, mem = neuron(torch.full((1, 1), 4.0), adaptation, mem)
        >>> spk, adaptation, mem
        (tensor([[1.]]), tensor([[2.]]), tensor([[1.5000]]))

    Source: Bittar and Garner, A surrogate gradient spiking baseline for speech command recognition (2022).
    """

    class State(NamedTuple):
        """Adaptation current and membrane potential."""

        adaptation: Tensor
        mem: Tensor

    resets: ClassVar[bool] = False
    described: ClassVar[tuple[str, ...]] = ("beta", "rho", "a", "b")

    rho: Tensor
    a: Tensor
    b: Tensor

    def __init__(
        self,
        beta: Constant,
        rho: Constant,
        a: Constant = 0.0,
        b: Constant = 1.0,
        *,
        learn_beta: bool = False,
        learn_rho: bool = False,
        learn_a: bool = False,
        learn_b: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(beta, learn_beta=learn_beta, **options)
        self._decay("rho", rho, learn=learn_rho)
        self.constant("a", a, learn=learn_a)
        self.constant("b", b, learn=learn_b)

    @classmethod
    def init(cls, neurons: int, **options: Any) -> AdLIF:
        """Return a layer of neurons with constants of their own, which learn within the ranges of the paper.

        Args:
            neurons: Number of neurons.
            **options: Further arguments of the constructor.

        Returns:
            The neurons: time constants of the membrane 5 to 25 steps, of the adaptation 30 to 120, ``a`` in (-1, 1)
            and ``b`` in (0, 2), all uniform.

        Example:
            >>> neurons = AdLIF.init(100)
            >>> bool((neurons.b > 0).all() and (neurons.b < 2).all())
            True
        """
        beta, rho = decay(uniform(neurons, 5, 25), 1), decay(uniform(neurons, 30, 120), 1)
        a, b = uniform(neurons, -1, 1), uniform(neurons, 0, 2)
        made = cls(beta, rho, a, b, learn_beta=True, learn_rho=True, learn_a=True, learn_b=True, **options)
        bounded(made, "beta", low=decay(5, 1), high=decay(25, 1))
        bounded(made, "rho", low=decay(30, 1), high=decay(120, 1))
        bounded(made, "a", low=-1, high=1)
        return bounded(made, "b", low=0, high=2)

    def integrate(self, x: Tensor, state: Any) -> Any:
        spk, beta = self._crossing(state.mem), self.membrane_decay
        adaptation = clamped(self.rho) * state.adaptation + self.a * state.mem + self.b * spk
        return self.State(adaptation, beta * (state.mem - self.threshold * spk) + (1 - beta) * (x - adaptation))
