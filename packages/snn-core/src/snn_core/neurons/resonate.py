"""Resonate-and-fire: membranes that oscillate, and fire at their peaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Unpack

import torch
from torch import Tensor

from snn_core.neuron.constant import Constant, anywhere, clamped, must_be_positive
from snn_core.neuron.drawn import Draw, Drawn, uniform
from snn_core.neuron.signatures import NeuronOptions, RFOptions, takes
from snn_core.neuron.spiking import SpikingNeuron


class RF(Drawn, SpikingNeuron):
    r"""Resonate-and-fire neuron: a damped oscillator that fires where its membrane exceeds the threshold.

    .. math::

        U[t] &= U[t-1] + \delta\,(-|b|\,U[t-1] - |\omega|\,V[t-1] + X[t]) \\
        V[t] &= V[t-1] + \delta\,(|\omega|\,U[t-1] - |b|\,V[t-1]), \qquad S[t] = \Theta(U[t] - \vartheta)

    It has no reset: ``reset_mechanism`` and ``reset_delay`` have no effect. If :math:`|b|` is less than about
    :math:`\delta\,\omega^2 / 2`, the oscillation grows without bound; :class:`~snn_core.BRF` prevents that.

    ``random`` draws ``omega`` in (5, 10) and ``b`` in (2, 3), uniform, as Higuchi et al. do for spoken digits.

    Args:
        omega: Angular frequency, in radians per unit of time. A scalar, or one per neuron.
        b: Damping, per unit of time. A scalar, or one per neuron.
        dt: Length of a step, :math:`\delta`.
        learn_omega: Make ``omega`` a parameter.
        learn_b: Make ``b`` a parameter.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]``; spikes and both parts of the oscillation the same.

    Returns:
        ``(spk, imag, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If ``dt`` is not greater than 0 and finite.

    Example:
        >>> import torch
        >>> neuron = RF(omega=0.5, b=0.25, dt=1.0)
        >>> spk, imag, mem = neuron(torch.full((1, 1), 2.0))
        >>> spk, imag, mem = neuron(torch.zeros(1, 1), imag, mem)
        >>> spk, imag, mem
        (tensor([[1.]]), tensor([[1.]]), tensor([[1.5000]]))

    Source: Izhikevich, Resonate-and-fire neurons (2001); Higuchi et al., Balanced resonate-and-fire neurons (2024).
    """

    class State(NamedTuple):
        """Imaginary part of the oscillation, and its real part, the membrane potential."""

        imag: Tensor
        mem: Tensor

    resets: ClassVar[bool] = False
    described: ClassVar[tuple[str, ...]] = ("omega", "b", "dt")
    draws: ClassVar[Mapping[str, Draw]] = {"omega": uniform(5, 10, bound=False), "b": uniform(2, 3, bound=False)}

    omega: Tensor
    b: Tensor
    dt: Tensor

    @takes()
    def __init__(
        self,
        omega: Constant,
        b: Constant,
        dt: Constant = 0.01,
        *,
        learn_omega: bool = False,
        learn_b: bool = False,
        **options: Unpack[NeuronOptions],
    ) -> None:
        super().__init__(**options)
        self.constant("omega", omega, learn=learn_omega)
        self.constant("b", b, learn=learn_b)
        self.constant("dt", dt)
        must_be_positive(f"{type(self).__name__}: dt", self.dt)

    def integrate(self, x: Tensor, state: Any) -> Any:
        return self._swung(x, state, -self.b.abs())

    def _swung(self, x: Tensor, state: Any, growth: Tensor) -> Any:
        omega = self.omega.abs()
        mem = state.mem + self.dt * (growth * state.mem - omega * state.imag + x)
        imag = state.imag + self.dt * (omega * state.mem + growth * state.imag)
        return state._replace(imag=imag, mem=mem)


class BRF(RF):
    r"""Balanced resonate-and-fire neuron: its damping keeps oscillations from growing and rises with each spike.

    .. math::

        Q[t] &= \gamma\,Q[t-1] + S[t-1], \qquad
        B[t] = \frac{-1 + \sqrt{1 - (\delta\,\omega)^2}}{\delta} - |b| - Q[t] \\
        U[t] &= U[t-1] + \delta\,(B[t]\,U[t-1] - |\omega|\,V[t-1] + X[t]) \\
        V[t] &= V[t-1] + \delta\,(|\omega|\,U[t-1] + B[t]\,V[t-1]), \qquad S[t] = \Theta(U[t] - \vartheta - Q[t])

    Each spike raises the threshold and the damping by 1, and this rise then decays. The spikes of the step before act
    with their surrogate gradient; before the first step there are none, and :math:`S[0] = 0` has no gradient. It has no
    reset: ``reset_mechanism`` and ``reset_delay`` have no effect.

    ``random`` draws like that of :class:`~snn_core.RF`.

    Args:
        omega: Angular frequency, in radians per unit of time; its magnitude times ``dt`` is at most 1. A scalar, or one
            per neuron.
        b: Damping beyond what keeps the oscillation from growing. A scalar, or one per neuron.
        dt: Length of a step, :math:`\delta`.
        gamma: Decay per step of the refractory variable Q, which spikes raise; in [0, 1]. A scalar, or one per neuron.
        learn_omega: Make ``omega`` a parameter.
        learn_b: Make ``b`` a parameter.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]``; spikes and states the same.

    Returns:
        ``(spk, refractory, imag, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If ``dt`` is not greater than 0 and finite, or ``omega`` times ``dt`` is greater than 1.

    Example:
        >>> import torch
        >>> neuron = BRF(omega=0.6, b=0.2, dt=1.0)
        >>> spk, refractory, imag, mem = neuron(torch.full((1, 1), 2.0))
        >>> spk, refractory, imag, mem = neuron(torch.zeros(1, 1), refractory, imag, mem)
        >>> refractory, imag, mem
        (tensor([[1.]]), tensor([[1.2000]]), tensor([[-0.8000]]))

    Source: Higuchi et al., Balanced resonate-and-fire neurons (2024).
    """

    class State(NamedTuple):  # pyrefly: ignore[bad-override]  (a state of its own, as every neuron has)
        """Refractory variable, imaginary part of the oscillation, and its real part, the membrane potential."""

        refractory: Tensor
        imag: Tensor
        mem: Tensor

    reads_spikes: ClassVar[bool] = True
    described: ClassVar[tuple[str, ...]] = ("omega", "b", "dt", "gamma")

    gamma: Tensor

    @takes()
    def __init__(
        self, omega: Constant, b: Constant, dt: Constant = 0.01, gamma: Constant = 0.9, **options: Unpack[RFOptions]
    ) -> None:
        super().__init__(omega=omega, b=b, dt=dt, **options)
        self._decay("gamma", gamma, learn=False)
        if anywhere(self.omega.abs() * self.dt > 1):
            raise ValueError(
                "BRF: omega times dt must be at most 1, or no damping keeps the oscillation from growing, got "
                f"{self._describe('omega', 'dt')}"
            )

    def integrate(self, x: Tensor, state: Any) -> Any:
        refractory = clamped(self.gamma) * state.refractory + self.last_spikes(state)
        left = 1 - (self.dt * self.omega).square()
        # a learned omega may get to 1 / dt, where the root has no finite slope, and beyond
        root = torch.where(left > 0, torch.where(left > 0, left, 1.0).sqrt(), 0.0)
        bound = (root - 1) / self.dt
        return self._swung(x, state, bound - self.b.abs() - refractory)._replace(refractory=refractory)

    def membrane(self, state: Any) -> Tensor:
        return state.mem - state.refractory
