"""Surrogates without a formula: one from a user's function, and one drawn at random."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from snn_core.surrogate.step import EVERYWHERE, Surrogate


@dataclass(frozen=True)
class custom_surrogate(Surrogate):
    """A surrogate from a user-defined function.

    Args:
        custom_surrogate_function: A function ``f(input_, grad_input, spikes)`` of three tensors of one shape that
            returns the gradient with respect to ``input_``. Define it at module level if the net is to be pickled.
        support: The interval of ``input_``, ``(low, high)``, outside of which that gradient is zero. If it has an end,
            the function is called once, at some values outside.

    Raises:
        TypeError: If the function is not callable, or ``support`` is not two numbers.
        ValueError: If ``low`` is greater than ``high``, or the gradient at a value outside is not zero.

    Example:
        >>> halve = custom_surrogate(lambda x, grad, spk: grad * 0.5)
        >>> x = torch.tensor([1.0], requires_grad=True)
        >>> halve(x).backward()
        >>> x.grad
        tensor([0.5000])
        >>> box = custom_surrogate(lambda x, grad, spk: grad * (x.abs() < 0.5), support=(-0.5, 0.5))
        >>> custom_surrogate(lambda x, grad, spk: grad, support=(-0.5, 0.5))
        Traceback (most recent call last):
        ValueError: custom_surrogate: support must be an interval outside of which the gradient is zero, got ...
    """

    custom_surrogate_function: Callable[[Tensor, Tensor, Tensor], Tensor]
    support: tuple[float, float] = field(default=EVERYWHERE, kw_only=True)

    def __post_init__(self) -> None:
        if not callable(self.custom_surrogate_function):
            raise TypeError(
                "custom_surrogate takes a function f(input_, grad_input, spikes), "
                f"got {type(self.custom_surrogate_function).__name__}"
            )
        _must_be_interval(self.support)
        if self.support != EVERYWHERE:
            self._must_be_zero_outside()

    def _must_be_zero_outside(self) -> None:
        outside = _outside(*self.support)
        gradients = self.backward(outside, torch.ones_like(outside), (outside > 0).to(outside.dtype))
        for x, gradient in zip(outside.tolist(), gradients.tolist(), strict=True):
            if gradient:  # NaN too
                raise ValueError(
                    "custom_surrogate: support must be an interval outside of which the gradient is zero, got "
                    f"{self.support} and a gradient of {gradient:g} at {x:g}. Fix: pass a wider one, or none"
                )

    def backward(self, x: Tensor, grad: Tensor, spk: Tensor) -> Tensor:
        return self.custom_surrogate_function(x, grad, spk)


def _must_be_interval(support: object) -> None:
    numbers = isinstance(support, tuple) and all(isinstance(bound, int | float) for bound in support)
    if not isinstance(support, tuple) or not numbers or len(support) != 2:
        raise TypeError(
            f"custom_surrogate: support must be two numbers, got {support!r}. Fix: pass a tuple such as (-0.5, 0.5)"
        )
    low, high = support
    if not low <= high:
        raise ValueError(f"custom_surrogate: support must be low <= high, got {support}. Fix: pass (low, high)")


def _outside(low: float, high: float) -> Tensor:
    """Return values on both sides of an interval, near and far."""
    width = high - low if math.isfinite(high - low) else max(abs(b) for b in (low, high, 1.0) if math.isfinite(b))
    steps = [max(width, 1e-3) * factor for factor in (0.01, 0.1, 0.5, 1, 3, 10, 100)]
    values = [low - step for step in steps] + [high + step for step in steps]
    return torch.tensor([v for v in values if math.isfinite(v)], dtype=torch.float64, device="cpu")


@dataclass(frozen=True)
class SSO(Surrogate):
    """Stochastic spike operator: 1 where the neuron fired, else ``(u + mean) * variance``, u uniform in [-0.5, 0.5).

    It draws from torch's global generator in the backward pass.

    Args:
        mean: Shift of the uniform noise.
        variance: Its scale.

    Raises:
        ValueError: If ``mean`` or ``variance`` is not finite.

    Example:
        >>> SSO(mean=1.0, variance=0.0).derivative(torch.tensor([-1.0, 1.0]))
        tensor([0., 1.])

    Source: Eshraghian et al., Training Spiking Neural Networks Using Lessons From Deep Learning (2023).
    """

    mean: float = 0
    variance: float = 0.2
    _finite: ClassVar[tuple[str, ...]] = ("mean", "variance")

    def derivative(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, 1.0, (torch.rand_like(x) - 0.5 + self.mean) * self.variance)


# the names of snnTorch's autograd functions, as for the closed forms
CustomSurrogate = custom_surrogate
StochasticSpikeOperator = SSO
