"""Surrogates whose derivative is a formula, which a kernel can receive as a name and numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from snn_core.surrogate.step import EVERYWHERE, NOWHERE, Surrogate, above


@dataclass(frozen=True)
class atan(Surrogate):
    r"""Derivative of a scaled arc tangent; the default of every neuron.

    .. math:: \frac{\partial S}{\partial x} = \frac{\alpha / 2}{1 + (\pi \alpha x / 2)^2}

    Args:
        alpha: Slope; the derivative at 0 is ``alpha / 2``. Greater than 0.

    Raises:
        ValueError: If ``alpha`` is not positive and finite.

    Example:
        >>> atan(alpha=2.0)(torch.tensor([-0.5, 0.0, 0.5]))
        tensor([0., 0., 1.])

    Source: Fang et al., Incorporating Learnable Membrane Time Constant (2021).
    """

    alpha: float = 2.0
    _positive: ClassVar[tuple[str, ...]] = ("alpha",)

    def derivative(self, x: Tensor) -> Tensor:
        return self.alpha / 2 / (1 + (math.pi / 2 * self.alpha * x).square())


@dataclass(frozen=True)
class fast_sigmoid(Surrogate):
    r"""Derivative of the fast sigmoid x / (1 + k|x|).

    .. math:: \frac{\partial S}{\partial x} = \frac{1}{(1 + k|x|)^2}

    Args:
        slope: k, greater than 0.

    Raises:
        ValueError: If ``slope`` is not positive and finite.

    Example:
        >>> fast_sigmoid().derivative(torch.tensor([0.0, 0.04]))
        tensor([1.0000, 0.2500])

    Source: Zenke and Ganguli, SuperSpike (2018).
    """

    slope: float = 25
    _positive: ClassVar[tuple[str, ...]] = ("slope",)

    def derivative(self, x: Tensor) -> Tensor:
        return 1 / (1 + self.slope * x.abs()).square()


@dataclass(frozen=True)
class sigmoid(Surrogate):
    r"""Derivative of the logistic function, finite for every x.

    .. math:: \frac{\partial S}{\partial x} = k\,\sigma(kx)\,(1 - \sigma(kx))

    Args:
        slope: k, greater than 0.

    Raises:
        ValueError: If ``slope`` is not positive and finite.

    Example:
        >>> sigmoid(slope=4).derivative(torch.tensor([0.0, -1e4]))
        tensor([1., 0.])

    Source: Zenke and Ganguli, SuperSpike (2018).
    """

    slope: float = 25
    _positive: ClassVar[tuple[str, ...]] = ("slope",)

    def derivative(self, x: Tensor) -> Tensor:
        s = torch.sigmoid(self.slope * x)
        return self.slope * s * (1 - s)


@dataclass(frozen=True)
class straight_through_estimator(Surrogate):
    """A gradient that passes unchanged: derivative 1 everywhere.

    Example:
        >>> straight_through_estimator().derivative(torch.tensor([-3.0, 3.0]))
        tensor([1., 1.])

    Source: Bengio, Leonard, Courville, Estimating or Propagating Gradients Through Stochastic Neurons (2013).
    """

    def derivative(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)


@dataclass(frozen=True)
class triangular(Surrogate):
    r"""A triangle around the threshold, of area 1 or of a given height.

    .. math:: \frac{\partial S}{\partial x} = h \max(0,\, 1 - |x| / \vartheta)

    Args:
        threshold: Half the width of the triangle, greater than 0.
        height: h, the derivative at 0, greater than 0; None for ``1 / threshold``, so that the area is 1.

    Raises:
        ValueError: If ``threshold`` or ``height`` is not positive and finite.

    Example:
        >>> triangular(threshold=2).derivative(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0.2500, 0.5000, 0.0000])

    Source: Esser et al., Convolutional Networks for Fast, Energy-Efficient Neuromorphic Computing (2016).
    """

    threshold: float = 1
    height: float | None = field(default=None, kw_only=True)
    _positive: ClassVar[tuple[str, ...]] = ("threshold", "height")

    @property
    def support(self) -> tuple[float, float]:
        return -self.threshold, self.threshold

    def derivative(self, x: Tensor) -> Tensor:
        triangle = torch.relu(1 - x.abs() / self.threshold)
        return triangle / self.threshold if self.height is None else triangle * self.height


@dataclass(frozen=True)
class heaviside(Surrogate):
    """A gradient only where the neuron fired: derivative 1 for x > 0, else 0.

    Example:
        >>> heaviside().derivative(torch.tensor([-1.0, 1.0]))
        tensor([0., 1.])

    Source: Kaiser, Mostafa, Neftci, Synaptic Plasticity Dynamics for Deep Continuous Local Learning (2020).
    """

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def derivative(self, x: Tensor) -> Tensor:
        return above(x)


@dataclass(frozen=True)
class spike_rate_escape(Surrogate):
    r"""Escape rate of a noisy threshold.

    .. math:: \frac{\partial S}{\partial x} = k\,\exp(-\beta\,|x - 1|)

    Args:
        beta: Sharpness of the escape, greater than 0.
        slope: k, greater than 0.

    Raises:
        ValueError: If ``beta`` or ``slope`` is not positive and finite.

    Example:
        >>> spike_rate_escape(beta=1, slope=25).derivative(torch.tensor([1.0]))
        tensor([25.])

    Source: Gerstner et al., Neuronal Dynamics (2014), chapter 9.
    """

    beta: float = 1
    slope: float = 25
    _positive: ClassVar[tuple[str, ...]] = ("beta", "slope")

    def derivative(self, x: Tensor) -> Tensor:
        return self.slope * torch.exp(-self.beta * (x - 1).abs())


@dataclass(frozen=True)
class LSO(Surrogate):
    """Leaky spike operator: 1 where the neuron fired, else ``slope``.

    Args:
        slope: Derivative below the threshold.

    Raises:
        ValueError: If ``slope`` is not finite.

    Example:
        >>> LSO(slope=0.1).derivative(torch.tensor([-1.0, 1.0]))
        tensor([0.1000, 1.0000])

    Source: Eshraghian et al., Training Spiking Neural Networks Using Lessons From Deep Learning (2023).
    """

    slope: float = 0.1
    _finite: ClassVar[tuple[str, ...]] = ("slope",)

    @property
    def support(self) -> tuple[float, float]:
        return EVERYWHERE if self.slope else (0.0, math.inf)

    def derivative(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, 1.0, torch.full_like(x, self.slope))


@dataclass(frozen=True)
class SFS(Surrogate):
    r"""Sparse fast sigmoid: the fast sigmoid's derivative where x > B, else 0.

    Args:
        slope: k of the fast sigmoid, greater than 0.
        B: Value of x above which there is a gradient.

    Raises:
        ValueError: If ``slope`` is not positive and finite, or ``B`` is NaN.

    Example:
        >>> SFS(slope=1, B=0).derivative(torch.tensor([-1.0, 1.0]))
        tensor([0.0000, 0.2500])

    Source: Perez-Nieves and Goodman, Sparse Spiking Gradient Descent (2021).
    """

    slope: float = 25
    B: float = 1
    _positive: ClassVar[tuple[str, ...]] = ("slope",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if math.isnan(self.B):  # an infinite B is allowed: a gradient everywhere or nowhere
            raise ValueError(f"surrogate.SFS: B must be a number, got {self.B!r}")

    @property
    def support(self) -> tuple[float, float]:
        return self.B, math.inf

    def derivative(self, x: Tensor) -> Tensor:
        return above(x, self.B) / (1 + self.slope * x.abs()).square()


@dataclass(frozen=True)
class multi_gaussian(Surrogate):
    r"""A Gaussian around the threshold, with shallow negative ones on both sides.

    .. math::

        \frac{\partial S}{\partial x} = (1 + h)\,\mathcal N(x;\, 0, \sigma^2)
            - h\,\mathcal N(x;\, \sigma, (s\sigma)^2) - h\,\mathcal N(x;\, -\sigma, (s\sigma)^2)

    Args:
        sigma: Width of the Gaussian in the middle, greater than 0.
        height: h, the weight of the others, which are subtracted.
        scale: s, the ratio of their width to sigma, greater than 0.

    Raises:
        ValueError: If ``sigma`` or ``scale`` is not positive and finite, or ``height`` is not finite.

    Example:
        >>> multi_gaussian().derivative(torch.tensor([0.0, 3.0]))
        tensor([ 0.8782, -0.0242])

    Source: Yin et al., Accurate and efficient time-domain classification with adaptive spiking recurrent neural
    networks (2021), which uses 0.5 times this function.
    """

    sigma: float = 0.5
    height: float = 0.15
    scale: float = 6
    _positive: ClassVar[tuple[str, ...]] = ("sigma", "scale")
    _finite: ClassVar[tuple[str, ...]] = ("height",)

    def derivative(self, x: Tensor) -> Tensor:
        wide = self.scale * self.sigma
        sides = _gaussian(x - self.sigma, wide) + _gaussian(x + self.sigma, wide)
        return (1 + self.height) * _gaussian(x, self.sigma) - self.height * sides


@dataclass(frozen=True)
class double_gaussian(Surrogate):
    r"""A Gaussian around the threshold, less a wide and shallow one.

    .. math::

        \frac{\partial S}{\partial x} = (1 + h)\,\mathcal N(x;\, 0, \sigma^2) - 2h\,\mathcal N(x;\, 0, (s\sigma)^2)

    It is :class:`multi_gaussian` with the wide Gaussians in the middle.

    Args:
        sigma: Width of the narrow Gaussian, greater than 0.
        height: h, half the weight of the other, which is subtracted.
        scale: s, the ratio of its width to sigma, greater than 0.

    Raises:
        ValueError: If ``sigma`` or ``scale`` is not positive and finite, or ``height`` is not finite.

    Example:
        >>> double_gaussian().derivative(torch.tensor([0.0, 3.0]))
        tensor([ 0.8777, -0.0242])

    Source: Higuchi et al., Balanced resonate-and-fire neurons (2024), which uses 0.5 times this function.
    """

    sigma: float = 0.5
    height: float = 0.15
    scale: float = 6
    _positive: ClassVar[tuple[str, ...]] = ("sigma", "scale")
    _finite: ClassVar[tuple[str, ...]] = ("height",)

    def derivative(self, x: Tensor) -> Tensor:
        wide = _gaussian(x, self.scale * self.sigma)
        return (1 + self.height) * _gaussian(x, self.sigma) - 2 * self.height * wide


def _gaussian(x: Tensor, sigma: float) -> Tensor:
    return torch.exp((x / sigma).square() * -0.5) * (1 / (sigma * math.sqrt(2 * math.pi)))


@dataclass(frozen=True)
class slayer(Surrogate):
    r"""An exponential that falls off on both sides of the threshold.

    .. math:: \frac{\partial S}{\partial x} = \frac{c\,k}{2}\,\exp(-k\,|x|)

    Args:
        slope: k, greater than 0.
        amplitude: c, the area, greater than 0.

    Raises:
        ValueError: If ``slope`` or ``amplitude`` is not positive and finite.

    Example:
        >>> slayer(slope=5, amplitude=0.4).derivative(torch.tensor([0.0]))
        tensor([1.])

    Source: Shrestha and Orchard, SLAYER: spike layer error reassignment in time (2018).
    """

    slope: float = 5
    amplitude: float = 0.4
    _positive: ClassVar[tuple[str, ...]] = ("slope", "amplitude")

    def derivative(self, x: Tensor) -> Tensor:
        return torch.exp(-self.slope * x.abs()) * (self.amplitude * self.slope / 2)


@dataclass(frozen=True)
class no_gradient(Surrogate):
    """The step function alone; spikes carry no gradient. ``surrogate_disable=True`` selects it.

    Example:
        >>> no_gradient()(torch.tensor([1.0], requires_grad=True)).requires_grad
        False
    """

    def __call__(self, x: Tensor) -> Tensor:
        return above(x)

    @property
    def support(self) -> tuple[float, float]:
        return NOWHERE

    def derivative(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


# the names of snnTorch's autograd functions: ATan.apply(x, alpha)
ATan = atan
FastSigmoid = fast_sigmoid
Heaviside = heaviside
LeakySpikeOperator = LSO
Sigmoid = sigmoid
SparseFastSigmoid = SFS
SpikeRateEscape = spike_rate_escape
StraightThroughEstimator = straight_through_estimator
Triangular = triangular

KINDS: dict[str, type[Surrogate]] = {k.__name__: k for k in Surrogate.__subclasses__() if k.__module__ == __name__}
"""The surrogates of this file, by name."""
