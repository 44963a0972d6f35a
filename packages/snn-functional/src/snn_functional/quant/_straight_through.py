"""Step functions with the gradient of the identity."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from snn_functional._messages import must


class IdentityGradient(torch.autograd.Function):
    """A function of a tensor and of something without a gradient; its gradient is that of the identity."""

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Save nothing for the backward pass."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        """Return the gradient unchanged, and none for the other argument."""
        return grads[0], None


class _StraightThrough(IdentityGradient):
    @staticmethod
    def forward(x: Tensor, rounded: Callable[[Tensor], Tensor]) -> Tensor:
        return rounded(x)


# torch asks for the signature in every call, which took half of the call's time
_StraightThrough.forward.__signature__ = inspect.signature(  # pyrefly: ignore[missing-attribute]
    _StraightThrough.forward
)


def straight_through(x: Tensor, rounded: Callable[[Tensor], Tensor], name: str = "x") -> Tensor:
    """Return ``rounded(x)``, whose gradient passes to ``x`` unchanged.

    Source: Bengio et al., Estimating or Propagating Gradients Through Stochastic Neurons (2013).
    """
    must_be_floating(x, name)
    return _StraightThrough.apply(x, rounded)


def must_be_floating(x: Tensor, name: str = "x") -> None:
    """Raise unless ``x`` is a floating-point tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(must(name, "be a torch.Tensor", type(x).__name__, f"pass torch.as_tensor({name})"))
    if not x.is_floating_point():
        raise TypeError(
            must(name, "be floating-point numbers", f"dtype {x.dtype}", f"pass {name}.float(), if it is real")
        )
