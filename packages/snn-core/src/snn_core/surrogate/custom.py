"""Surrogates without a formula: one from a user's function, and one drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from snn_core.surrogate.step import Surrogate


@dataclass(frozen=True)
class custom_surrogate(Surrogate):
    """A surrogate from a user-defined function.

    Args:
        custom_surrogate_function: A function ``f(input_, grad_input, spikes)`` of three tensors of one shape that
            returns the gradient with respect to ``input_``. Define it at module level if the net is to be pickled.

    Raises:
        TypeError: If it is not callable.

    Example:
        >>> halve = custom_surrogate(lambda x, grad, spk: grad * 0.5)
        >>> x = torch.tensor([1.0], requires_grad=True)
        >>> halve(x).backward()
        >>> x.grad
        tensor([0.5000])
    """

    custom_surrogate_function: Callable[[Tensor, Tensor, Tensor], Tensor]

    def __post_init__(self) -> None:
        if not callable(self.custom_surrogate_function):
            raise TypeError(
                "custom_surrogate takes a function f(input_, grad_input, spikes), "
                f"got {type(self.custom_surrogate_function).__name__}"
            )

    def backward(self, x: Tensor, grad: Tensor, spk: Tensor) -> Tensor:
        return self.custom_surrogate_function(x, grad, spk)


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
