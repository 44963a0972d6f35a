"""The step function that every surrogate has in common, and what a surrogate is."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad


class _Spike(torch.autograd.Function):
    """The step function, with its backward pass left to a surrogate."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, surrogate: Surrogate) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Surrogate], output: Tensor) -> None:
        x, ctx.surrogate = inputs
        ctx.save_for_backward(x, output)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        x, spk = ctx.saved_tensors
        return ctx.surrogate.backward(x, grads[0], spk), None


class _ForwardSpike(_Spike):
    """With a forward derivative too, for which torch's compiler would refuse the function."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Surrogate], output: Tensor) -> None:
        _Spike.setup_context(ctx, inputs, output)
        ctx.save_for_forward(inputs[0], output)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        if _forward_derivatives() > 1:
            raise NotImplementedError(
                f"{ctx.surrogate!r}: torch drops the second of two forward derivatives of an autograd.Function; take "
                "one of the two backward, as torch.func.hessian does: jacfwd(jacrev(f)) in place of jacfwd(jacfwd(f))"
            )
        # each spike depends on its own x alone: the Jacobian is diagonal, and its own transpose
        x, spk = ctx.saved_tensors
        return ctx.surrogate.backward(x, tangents[0], spk)


def _forward_derivatives() -> int:
    """Return how many forward derivatives stand one in the other."""
    from torch._functorch import eager_transforms

    return eager_transforms.JVP_NESTING


# torch asks in every call, which took half of the call's time
_Spike.forward.__signature__ = inspect.signature(_Spike.forward)  # pyrefly: ignore[missing-attribute]


@dataclass(frozen=True)
class Surrogate:
    r"""What every surrogate is: :math:`\Theta(x)` forward, ``derivative(x)`` times the gradient backward.

    A new surrogate is a frozen dataclass with a ``derivative``.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class boxcar(Surrogate):
        ...     width: float = 1.0
        ...     def derivative(self, x):
        ...         return (x.abs() < self.width / 2).to(x.dtype) / self.width
        >>> x = torch.tensor([-2.0, 0.1], requires_grad=True)
        >>> boxcar()(x).sum().backward()
        >>> x.grad
        tensor([0., 1.])
    """

    def __call__(self, x: Tensor) -> Tensor:
        """Return the spikes of ``x``: 1 where ``x > 0``, else 0; same shape, dtype and device."""
        return (_Spike if forward_ad._current_level < 0 else _ForwardSpike).apply(x, self)

    def derivative(self, x: Tensor) -> Tensor:
        """Return the surrogate's derivative at ``x``, same shape and dtype."""
        raise NotImplementedError(f"{type(self).__name__} must define derivative(self, x)")

    def backward(self, x: Tensor, grad: Tensor, spk: Tensor) -> Tensor:
        """Return the gradient with respect to ``x``, given the gradient ``grad`` with respect to the spikes ``spk``."""
        return grad * self.derivative(x)

    def _require_positive(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"surrogate.{type(self).__name__}: {name} must be greater than 0, got {value!r}")

    @property
    def params(self) -> tuple[float, ...]:
        """The surrogate's numbers, in the order of its constructor, as kernels receive them."""
        return tuple(float(getattr(self, f.name)) for f in fields(self))
