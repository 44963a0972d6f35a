"""Neurons with the decays of state-space models: given by a rate and the length of a step, each as its logarithm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Unpack

import torch
from torch import Tensor

from snn_core.neuron.constant import Constant, anywhere, must_be_finite
from snn_core.neuron.drawn import Draw, Drawn, fixed, uniform
from snn_core.neuron.signatures import AdaptingOptions, NeuronOptions, takes
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neurons.adapting import Adapting


class SiLIF(Adapting):
    r"""Adaptive leaky integrate-and-fire neuron whose decays are those of a state-space model.

    .. math::

        \beta &= e^{-e^{A + D}}, \qquad \rho = e^{-e^{A_W + D}} \\
        W[t] &= \rho\,W[t-1] + a\,U[t-1] + b\,S[t-1] \\
        U[t] &= \beta\,(U[t-1] - \vartheta\,S[t-1]) + (1 - \beta)\,(X[t] - W[t]), \qquad S[t] = \Theta(U[t] - \vartheta)

    It is :class:`~snn_core.AdLIF` with the logarithms of the rates and of the length of a step instead of the decays,
    which therefore stay between 0 and 1 whatever is learned. The spikes of the step before act with their surrogate
    gradient; before the first step there are none, and :math:`S[0] = 0` has no gradient. The reset is part of the
    equation, so ``reset_mechanism`` and ``reset_delay`` have no effect.

    ``random`` draws the logarithms of the rates uniformly, with rates of 10 to 250 per second for the membrane and 2.5
    to 10 for the adaptation current. Steps take 4 milliseconds; ``a`` is uniform in (0, 1) and ``b`` in (0, 2), and
    both stay there.

    Args:
        log_rate: A, the logarithm of the rate at which the membrane decays, in 1 / s. A scalar, or one per neuron.
        log_rate_w: :math:`A_W`, the same for the adaptation current. A scalar, or one per neuron.
        a: Strength with which the membrane drives the adaptation current. A scalar, or one per neuron.
        b: Strength with which a spike drives it. A scalar, or one per neuron.
        log_dt: D, the logarithm of the length of a step, in seconds. A scalar, or one per neuron.
        learn_log_rate: Make ``log_rate`` a parameter.
        learn_log_rate_w: Make ``log_rate_w`` a parameter.
        learn_a: Make ``a`` a parameter.
        learn_b: Make ``b`` a parameter.
        learn_log_dt: Make ``log_dt`` a parameter.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]``; spikes, adaptation current and membrane the same.

    Returns:
        ``(spk, adaptation, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If ``log_dt`` is not the logarithm of a finite length.

    Example:
        >>> neuron = SiLIF(math.log(50), math.log(5), log_dt=math.log(0.004))
        >>> neuron.decays()
        (tensor(0.8187), tensor(0.9802))
        >>> spk, adaptation, mem = neuron(torch.full((1, 1), 8.0))
        >>> spk, adaptation, mem = neuron(torch.full((1, 1), 8.0), adaptation, mem)
        >>> spk, adaptation, mem
        (tensor([[1.]]), tensor([[1.7251]]), tensor([[1.5060]]))

    Source: Fabre et al., Structured state space model dynamics and parametrization for spiking neural networks (2025).
    """

    class State(NamedTuple):
        """Adaptation current and membrane potential."""

        adaptation: Tensor
        mem: Tensor

    described: ClassVar[tuple[str, ...]] = ("log_rate", "log_rate_w", "a", "b", "log_dt")
    draws: ClassVar[Mapping[str, Draw]] = {
        "log_rate": uniform(math.log(10), math.log(250), bound=False),
        "log_rate_w": uniform(math.log(2.5), math.log(10), bound=False),
        "a": uniform(0, 1),
        "b": uniform(0, 2),
        "log_dt": fixed(math.log(0.004)),
    }

    log_rate: Tensor
    log_rate_w: Tensor
    log_dt: Tensor

    @takes()
    def __init__(
        self,
        log_rate: Constant = 3.9,
        log_rate_w: Constant = 1.6,
        a: Constant = 0.5,
        b: Constant = 1.0,
        log_dt: Constant = -5.5,
        *,
        learn_log_rate: bool = False,
        learn_log_rate_w: bool = False,
        learn_log_dt: bool = False,
        **options: Unpack[AdaptingOptions],
    ) -> None:
        super().__init__(a=a, b=b, **options)
        self.constant("log_rate", log_rate, learn=learn_log_rate)
        self.constant("log_rate_w", log_rate_w, learn=learn_log_rate_w)
        self.constant("log_dt", log_dt, learn=learn_log_dt)
        _must_be_a_step("SiLIF", self.log_dt)

    def decays(self) -> tuple[Tensor, Tensor]:
        return _decay(self.log_rate, self.log_dt), _decay(self.log_rate_w, self.log_dt)


class CSiLIF(Drawn, SpikingNeuron):
    r"""Leaky integrate-and-fire neuron with a complex membrane, which decays and rotates as in a state-space model.

    .. math::

        \alpha &= e^{(-e^{A} + i\,\omega)\,e^{D}} \\
        U[t] &= \alpha\,\Big(U[t-1] - \frac{\vartheta}{2}\,S[t-1]\Big) + b\,X[t], \qquad
        S[t] = \Theta(2\,\mathrm{Re}\,U[t] - \vartheta)

    The spikes of the step before act with their surrogate gradient; before the first step there are none, and
    :math:`S[0] = 0` has no gradient. The reset is part of the equation, so ``reset_mechanism`` and ``reset_delay`` have
    no effect.

    ``random`` draws as for spoken digits: the logarithm of the length of a step is uniform between the logarithms of
    0.01 and 0.5, and ``b`` in (0, 1). All neurons have a rate of 0.5 and a frequency of pi.

    Args:
        log_rate: A, the logarithm of the rate at which the membrane decays, in 1 / s. A scalar, or one per neuron.
        omega: Angular frequency, in radians per second. A scalar, or one per neuron.
        b: Weight of the input. A scalar, or one per neuron.
        log_dt: D, the logarithm of the length of a step, in seconds. A scalar, or one per neuron.
        learn_log_rate: Make ``log_rate`` a parameter.
        learn_omega: Make ``omega`` a parameter.
        learn_b: Make ``b`` a parameter.
        learn_log_dt: Make ``log_dt`` a parameter.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]``; spikes and both parts of the membrane the same.

    Returns:
        ``(spk, imag, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If ``omega`` is not finite, or ``log_dt`` is not the logarithm of a finite length.

    Example:
        >>> neuron = CSiLIF(log_rate=0.0, omega=math.pi / 4, b=1.0, log_dt=0.0)
        >>> spk, imag, mem = neuron(torch.full((1, 1), 2.0))
        >>> spk, imag, mem = neuron(torch.zeros(1, 1), imag, mem)
        >>> spk, imag, mem
        (tensor([[0.]]), tensor([[0.3902]]), tensor([[0.3902]]))

    Source: Fabre et al., Structured state space model dynamics and parametrization for spiking neural networks (2025).
    """

    class State(NamedTuple):
        """Imaginary part of the membrane, and its real part, half the value that is compared with the threshold."""

        imag: Tensor
        mem: Tensor

    resets: ClassVar[bool] = False
    reads_spikes: ClassVar[bool] = True
    described: ClassVar[tuple[str, ...]] = ("log_rate", "omega", "b", "log_dt")
    draws: ClassVar[Mapping[str, Draw]] = {
        "log_dt": uniform(math.log(0.01), math.log(0.5), bound=False),
        "log_rate": fixed(math.log(0.5)),
        "omega": fixed(math.pi),
        "b": uniform(0, 1, bound=False),
    }

    log_rate: Tensor
    omega: Tensor
    b: Tensor
    log_dt: Tensor

    @takes()
    def __init__(
        self,
        log_rate: Constant = -0.7,
        omega: Constant = 3.0,
        b: Constant = 0.5,
        log_dt: Constant = -2.7,
        *,
        learn_log_rate: bool = False,
        learn_omega: bool = False,
        learn_b: bool = False,
        learn_log_dt: bool = False,
        **options: Unpack[NeuronOptions],
    ) -> None:
        super().__init__(**options)
        self.constant("log_rate", log_rate, learn=learn_log_rate)
        self.constant("omega", omega, learn=learn_omega)
        self.constant("b", b, learn=learn_b)
        self.constant("log_dt", log_dt, learn=learn_log_dt)
        must_be_finite("CSiLIF: omega", self.omega, "pass radians per second; 0 for a membrane that does not rotate")
        _must_be_a_step("CSiLIF", self.log_dt)

    def integrate(self, x: Tensor, state: Any) -> Any:
        mem = state.mem - self.threshold / 2 * self.last_spikes(state)
        size, angle = _decay(self.log_rate, self.log_dt), self.omega * self.log_dt.exp()
        real, imag = size * angle.cos(), size * angle.sin()
        return state._replace(imag=imag * mem + real * state.imag, mem=real * mem - imag * state.imag + self.b * x)

    def membrane(self, state: Any) -> Tensor:
        return 2 * state.mem


def _decay(log_rate: Tensor, log_dt: Tensor) -> Tensor:
    return torch.exp(-torch.exp(log_rate + log_dt))


def _must_be_a_step(owner: str, log_dt: Tensor) -> None:
    """Raise unless each number is the logarithm of a length that is finite and not 0."""
    remedy = "pass the logarithm of the seconds that a step takes, such as math.log(0.004)"
    must_be_finite(f"{owner}: log_dt", log_dt, remedy)
    if anywhere(log_dt.exp().isinf()):
        raise ValueError(f"{owner}: log_dt={log_dt} is the logarithm of an infinite step in {log_dt.dtype}; {remedy}")
