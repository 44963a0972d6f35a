"""The step function that all surrogates share, and the base class of surrogates."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd import forward_ad

EVERYWHERE = (-math.inf, math.inf)
"""The support of a surrogate whose derivative is zero nowhere, or not known to be."""

NOWHERE = (math.inf, -math.inf)
"""The support of a surrogate without a gradient."""


def above(x: Tensor, bound: Tensor | float = 0) -> Tensor:
    """Return 1 where ``x`` is above ``bound``, else 0, in the dtype of ``x`` and without gradient."""
    if is_watched(x):
        return (x > bound).to(x.dtype)
    # writes numbers directly, as converting bools takes many times as long
    return torch.gt(
        x.detach(),
        bound.detach() if isinstance(bound, Tensor) else bound,
        out=torch.empty(0, dtype=x.dtype, device=x.device),
    )


def is_watched(x: Tensor) -> bool:
    """Return True if something other than autograd may watch the operations on a tensor."""
    return (
        type(x) is not Tensor
        or torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or torch._C._get_tracing_state() is not None
        or bool(torch._C._len_torch_function_stack() or torch._C._len_torch_dispatch_stack())
    )


class _Spike(torch.autograd.Function):
    """The step function with the backward pass of a surrogate."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, surrogate: Surrogate) -> Tensor:
        return above(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Surrogate], output: Tensor) -> None:
        x, ctx.surrogate = inputs
        ctx.save_for_backward(x)  # and not the spikes, which the next layer may overwrite

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        (x,), surrogate = ctx.saved_tensors, ctx.surrogate
        if not surrogate._takes_spikes:
            return grads[0] * surrogate.derivative(x), None
        differentiable = torch.is_grad_enabled() and not torch.compiler.is_compiling()
        return surrogate.backward(x, grads[0], surrogate(x) if differentiable else above(x)), None


class _EagerSpike(torch.autograd.Function):
    """The same function for use where only autograd watches the operations; torch calls it in half the time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, surrogate: Surrogate) -> Tensor:
        out = _Spike.forward(x, surrogate)
        _Spike.setup_context(ctx, (x, surrogate), out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        return _Spike.backward(ctx, *grads)


class _ForwardSpike(_Spike):
    """The step function with a forward derivative as well, which torch's compiler would refuse."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Surrogate], output: Tensor) -> None:
        _Spike.setup_context(ctx, inputs, output)
        ctx.save_for_forward(inputs[0], output)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        from torch._functorch import eager_transforms

        if eager_transforms.JVP_NESTING > 1:  # nested forward derivatives
            raise NotImplementedError(
                f"{ctx.surrogate!r}: torch drops the second of two forward derivatives of an autograd.Function; take "
                "one of the two backward, as torch.func.hessian does: jacfwd(jacrev(f)) instead of jacfwd(jacfwd(f))"
            )
        # each spike depends on its own x alone: the Jacobian is diagonal, and its own transpose
        x, spk = ctx.saved_tensors
        return ctx.surrogate.backward(x, tangents[0], spk)


# torch asks for the signature in every call, which took half of the call's time
_Spike.forward.__signature__ = inspect.signature(_Spike.forward)  # pyrefly: ignore[missing-attribute]


@dataclass(frozen=True)
class Surrogate:
    r"""Base class of surrogates: :math:`\Theta(x)` forward, ``derivative(x)`` times the gradient backward.

    To define a new surrogate, write a subclass: a frozen dataclass with a method ``derivative``. If its derivative is
    zero outside of an interval, it may say so by a property ``support``.

    Raises:
        ValueError: If a setting named in ``_positive`` is not greater than 0 and finite, or one named in ``_finite`` is
            not finite.

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

    _positive: ClassVar[tuple[str, ...]] = ()  # the settings that must be greater than 0 and finite
    _finite: ClassVar[tuple[str, ...]] = ()  # the others that must be finite
    _takes_spikes: ClassVar[bool] = False  # True if backward needs the spikes

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._takes_spikes = cls.backward is not Surrogate.backward

    def __post_init__(self) -> None:
        numbers = [(name, value) for name in self._positive if (value := getattr(self, name)) is not None]
        for name, value in numbers:
            if not value > 0:
                raise ValueError(f"surrogate.{type(self).__name__}: {name} must be greater than 0, got {value!r}")
        for name, value in (*numbers, *((name, getattr(self, name)) for name in self._finite)):
            if not -math.inf < value < math.inf:
                raise ValueError(f"surrogate.{type(self).__name__}: {name} must be finite, got {value!r}")

    def __call__(self, x: Tensor) -> Tensor:
        """Return the spikes of ``x``: 1 where ``x > 0``, else 0; same shape, dtype and device."""
        if forward_ad._current_level >= 0:
            return _ForwardSpike.apply(x, self)
        transformed = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
        return (_Spike if transformed else _EagerSpike).apply(x, self)

    @property
    def support(self) -> tuple[float, float]:
        """The interval of x, ``(low, high)``, outside of which the derivative is zero.

        It is ``(-inf, inf)`` if none is known. With ``low > high`` the derivative is zero everywhere.

        Example:
            >>> import snn_core as snn
            >>> snn.surrogate.triangular(0.5).support, snn.surrogate.atan().support
            ((-0.5, 0.5), (-inf, inf))
        """
        return EVERYWHERE

    def derivative(self, x: Tensor) -> Tensor:
        """Return the surrogate's derivative at ``x``, same shape and dtype."""
        raise NotImplementedError(f"{type(self).__name__} must define derivative(self, x)")

    def backward(self, x: Tensor, grad: Tensor, spk: Tensor) -> Tensor:
        """Return the gradient with respect to ``x``, given the gradient ``grad`` with respect to the spikes ``spk``."""
        return grad * self.derivative(x)

    @classmethod
    def apply(cls, input_: Tensor, *settings: Any) -> Tensor:
        """Return the spikes of a tensor, like snnTorch's autograd functions, which take all settings in each call.

        Args:
            input_: Membrane potential minus threshold, any shape.
            *settings: The settings of the surrogate, in the order of its constructor.

        Returns:
            Spikes of the same shape and dtype.

        Example:
            >>> import snn_core as snn
            >>> snn.surrogate.ATan.apply(torch.tensor([-0.5, 0.5]), 2.0)
            tensor([0., 1.])
        """
        return cls(*settings)(input_)

    @property
    def params(self) -> tuple[float, ...]:
        """The surrogate's numbers, in the order of its fields, as kernels receive them; none for a field of None."""
        return tuple(float(value) for f in fields(self) if (value := getattr(self, f.name)) is not None)
