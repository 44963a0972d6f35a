"""Adaptive leaky integrate-and-fire, discretized so that it stays stable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Unpack

from torch import Tensor

from snn_core.neuron.constant import Constant, Learn
from snn_core.neuron.drawn import Draw, uniform, uniform_steps
from snn_core.neuron.signatures import AdLIFOptions, takes
from snn_core.neurons.adlif import AdLIF


class SEAdLIF(AdLIF):
    r"""Adaptive leaky integrate-and-fire neuron in steps of the symplectic Euler method.

    .. math::

        U'[t] &= \beta\,U[t-1] + (1 - \beta)\,(X[t] - W[t-1]), \qquad S[t] = \Theta(U'[t] - \vartheta) \\
        U[t] &= U'[t]\,(1 - S[t]), \qquad W[t] = \rho\,W[t-1] + (1 - \rho)\,q\,(a\,U[t] + b\,S[t])

    The adaptation current follows the new membrane and the new spike, while Euler's method takes the old ones; this
    keeps oscillations from growing. A spike drives the current with the surrogate's gradient; before the first step
    there is none, and :math:`S[0] = 0` has no gradient. The states are :math:`U'[t]` and :math:`W[t-1]`, as each step
    begins with the effect of the last step's spikes. The reset is part of the equation, so ``reset_mechanism`` and
    ``reset_delay`` have no effect.

    ``random`` draws time constants of the adaptation of 60 to 300 steps and ``a`` in (0, 1), and all else like
    :class:`~snn_core.AdLIF`.

    Args:
        beta: Membrane decay per step, in [0, 1]; ``decay(tau, dt)`` converts seconds. A scalar, or one per neuron.
        rho: Decay of the adaptation current per step, in [0, 1]. A scalar, or one per neuron.
        a: Strength with which the membrane drives the adaptation current, at least 0. A scalar, or one per neuron.
        b: Strength with which a spike drives it. A scalar, or one per neuron.
        q: Factor of both ``a`` and ``b``, at least 0.
        detach_reset: Reset the membrane without a gradient; if False, with the surrogate's gradient.
        **options: The other options of :class:`~snn_core.AdLIF`, by name: ``learn_beta`` to ``learn_b``, and those of
            :class:`~snn_core.SpikingNeuron`.

    Shape:
        input ``[batch, ...]``; spikes, adaptation current and membrane the same.

    Returns:
        ``(spk, adaptation, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Example:
        >>> import torch
        >>> neuron = SEAdLIF(beta=0.5, rho=0.75, a=0.5, b=1.0, q=2.0)
        >>> spk, adaptation, mem = neuron(torch.full((1, 1), 4.0))
        >>> spk, adaptation, mem = neuron(torch.full((1, 1), 4.0), adaptation, mem)
        >>> spk, adaptation, mem
        (tensor([[1.]]), tensor([[0.5000]]), tensor([[1.7500]]))

    Source: Baronig et al., Advancing spatio-temporal processing in spiking neural networks through adaptation (2024).
    """

    class State(NamedTuple):  # pyrefly: ignore[bad-override]  (a state of its own, as every neuron has)
        """Adaptation current of the previous step, and membrane potential."""

        adaptation: Tensor
        mem: Tensor

    described: ClassVar[tuple[str, ...]] = ("beta", "rho", "a", "b", "q")

    draws: ClassVar[Mapping[str, Draw]] = {
        **AdLIF.draws,
        "rho": uniform_steps(60, 300),
        "a": uniform(0, 1),
    }

    q: Tensor

    @takes()
    def __init__(
        self,
        beta: Constant,
        rho: Constant,
        a: Constant = 0.5,
        b: Constant = 1.0,
        q: Constant = 120.0,
        *,
        learn_rho: Learn = False,
        detach_reset: bool = True,
        **options: Unpack[AdLIFOptions],
    ) -> None:
        super().__init__(beta=beta, rho=rho, a=a, b=b, learn_rho=learn_rho, **options)
        self.constant("q", q)
        self.detach_reset = detach_reset

    def integrate(self, x: Tensor, state: Any) -> Any:
        spk, (beta, rho) = self.last_spikes(state), self.decays()
        mem = state.mem * (1 - (spk.detach() if self.detach_reset else spk))
        adaptation = rho * state.adaptation + (1 - rho) * self.q * (self.a * mem + self.b * spk)
        return state._replace(adaptation=adaptation, mem=beta * mem + (1 - beta) * (x - adaptation))
