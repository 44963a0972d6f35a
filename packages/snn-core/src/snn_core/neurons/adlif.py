"""Leaky integrate-and-fire with an adaptation current that is driven by membrane and spikes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Unpack

from torch import Tensor

from snn_core.neuron.constant import Constant, Learn, clamped
from snn_core.neuron.drawn import Draw, uniform, uniform_steps
from snn_core.neuron.signatures import AdLIFOptions, takes
from snn_core.neuron.spiking import LIF
from snn_core.neurons.adapting import Adapting


class AdLIF(Adapting, LIF):
    r"""Adaptive leaky integrate-and-fire neuron: a current that follows membrane and spikes counteracts the input.

    .. math::

        W[t] &= \rho\,W[t-1] + a\,U[t-1] + b\,S[t-1] \\
        U[t] &= \beta\,(U[t-1] - \vartheta\,S[t-1]) + (1 - \beta)\,(X[t] - W[t]), \qquad S[t] = \Theta(U[t] - \vartheta)

    The spikes of the step before act with their surrogate gradient; before the first step there are none, and
    :math:`S[0] = 0` has no gradient. The reset is part of the equation, so ``reset_mechanism`` and ``reset_delay`` have
    no effect.

    ``random`` draws uniform constants and keeps them in their ranges: time constants of 5 to 25 steps for the membrane
    and 30 to 120 for the adaptation, ``a`` in (-1, 1) and ``b`` in (0, 2).

    Args:
        beta: Membrane decay per step, in [0, 1]; ``decay(tau, dt)`` converts seconds. A scalar, or one per neuron.
        rho: Decay of the adaptation current per step, in [0, 1]. A scalar, or one per neuron.
        a: Strength with which the membrane drives the adaptation current. A scalar, or one per neuron.
        b: Strength with which a spike drives it. A scalar, or one per neuron.
        learn_beta: Make ``beta`` a parameter; ``"bounded"`` keeps it inside (0, 1).
        learn_rho: Make ``rho`` a parameter; ``"bounded"`` keeps it inside (0, 1).
        learn_a: Make ``a`` a parameter.
        learn_b: Make ``b`` a parameter.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]``; spikes, adaptation current and membrane the same.

    Returns:
        ``(spk, adaptation, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

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

    described: ClassVar[tuple[str, ...]] = ("beta", "rho", "a", "b")

    draws: ClassVar[Mapping[str, Draw]] = {
        "beta": uniform_steps(5, 25),
        "rho": uniform_steps(30, 120),
        "a": uniform(-1, 1),
        "b": uniform(0, 2),
    }

    rho: Tensor

    @takes()
    def __init__(
        self,
        beta: Constant,
        rho: Constant,
        a: Constant = 0.0,
        b: Constant = 1.0,
        *,
        learn_rho: Learn = False,
        **options: Unpack[AdLIFOptions],
    ) -> None:
        super().__init__(beta=beta, a=a, b=b, **options)
        self._decay("rho", rho, learn=learn_rho)

    def decays(self) -> tuple[Tensor, Tensor]:
        return self.membrane_decay, clamped(self.rho)
