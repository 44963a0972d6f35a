"""The constants of a neuron: fixed or learned, one for all neurons or one per neuron."""

from __future__ import annotations

import math
import sys
import warnings
from numbers import Integral, Real
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from snn_core.neuron.bounds import Parametrizable, bounded, bounded_otherwise, bounds_of

Constant = float | Tensor
Learn = bool | Literal["bounded"]


def is_whole(value: object) -> bool:
    """Return True for a whole number; True and False do not count as numbers."""
    return isinstance(value, int) and not isinstance(value, bool)


def anywhere(condition: Tensor) -> bool:
    """Return True if a condition holds for any of the constants; False on the meta device, which has no values."""
    return not condition.is_meta and bool(condition.any())


def clamped(decay: Tensor, high: float = 1) -> Tensor:
    r"""Return a decay per step clamped to [0, 1], as every equation reads it, or a constant clamped to [0, ``high``].

    Its derivative is 1 on the closed interval and 0 outside: a learned decay of exactly 0 or 1 can still learn. The
    derivative of ``torch.clamp`` depends on the version of PyTorch: at the ends it is 1 up to 2.13 and 0 in 2.15.

    Example:
        >>> beta = torch.tensor([-0.5, 0.0, 0.9, 1.0, 1.5], requires_grad=True)
        >>> clamped(beta).sum().backward()
        >>> clamped(beta).detach(), beta.grad
        (tensor([0.0000, 0.0000, 0.9000, 1.0000, 1.0000]), tensor([0., 1., 1., 1., 0.]))
    """
    if not may_be_differentiated(decay):
        return decay.clamp(0, high)  # this takes a third of the time
    within = decay.detach().clamp(0, high)
    return torch.where(within == decay, decay, within)


def may_be_differentiated(x: Tensor) -> bool:
    """Return True if autograd, a compiler or a transform may ask for the derivative of what is computed from ``x``."""
    return (
        torch.compiler.is_compiling()
        or (x.requires_grad and torch.is_grad_enabled())
        or torch._C._are_functorch_transforms_active()  # requires_grad covers one level only
        or forward_ad._current_level >= 0
    )


class HasConstants(Parametrizable):
    """A module with constants that are parameters when learned and buffers when not."""

    def constant(
        self,
        name: str,
        value: Constant,
        *,
        learn: bool = False,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        """Register a constant of the neuron: a parameter when it is learned, else a buffer.

        Args:
            name: Name of the attribute.
            value: A number, or a tensor that broadcasts against the state from the right (one value per neuron, or
                ``(C, 1, 1)`` per channel); NumPy's numbers and arrays work too. Integers become floating point.
            learn: True if an optimizer may change it.
            low: Lower end of its range, passed together with ``high``. A learned constant stays inside the range,
                whatever the optimizer does, as with :func:`~snn_core.bounded`: the parameter is then
                ``parametrizations.<name>.original``.
            high: Upper end of its range.

        Raises:
            TypeError: If ``value`` is neither a number nor a tensor of real numbers, or ``learn`` is a string.
            ValueError: If it is empty, contains NaN or is outside its range, whose ends are allowed unless it is
                learned; if only one of ``low`` and ``high`` is passed, or ``high`` is not greater.

        Example:
            >>> import snn_core as snn
            >>> lif = snn.Leaky(beta=0.9)
            >>> lif.constant("gain", 2, learn=True)
            >>> lif.gain
            Parameter containing:
            tensor(2., requires_grad=True)
            >>> lif.constant("rise", 0.5, learn=True, low=0, high=1)
            >>> lif.rise.item()
            0.5
        """
        what = f"{type(self).__name__}: {name}"
        if isinstance(learn, str):
            raise TypeError(
                f"{what} is learned or not: learn must be True or False, got {learn!r}; snn.bounded(neuron, {name!r}, "
                "low=..., high=...) keeps it in a range"
            )
        tensor = as_constant(what, value)
        if anywhere(tensor.isnan()):
            raise ValueError(f"{what} must not be NaN, got {value!r}")
        if low is not None or high is not None:
            _must_be_inside(what, tensor, low, high, learn)
        if learn:
            setattr(self, name, nn.Parameter(tensor))
        else:
            self.register_buffer(name, tensor)
        if learn and low is not None and high is not None:
            bounded(self, name, low=low, high=high)

    def _decay(self, name: str, value: Constant, *, learn: Learn) -> None:
        """Register a decay per step, which is clamped to [0, 1] where it is used, or learned within (0, 1)."""
        what, option = f"{type(self).__name__}: {name}", f"learn_{name}"
        if learn == "bounded":
            inside = as_constant(what, value)
            if anywhere(~((inside > 0) & (inside < 1))):
                raise ValueError(
                    f"{what} must be greater than 0 and less than 1 with {option}='bounded', whose logistic function "
                    f"never reaches 0 or 1, got {inside}: start from a value between, such as 0.01 or 0.99, compute it "
                    f"from a time constant by snn.decay(tau, dt), or pass {option}=True to start at an end"
                )
            self.constant(name, inside, learn=True, low=0, high=1)
            return
        if isinstance(learn, str):
            raise ValueError(f"{type(self).__name__}: {option} must be True, False or 'bounded', got {learn!r}")
        self.constant(name, value, learn=learn)
        held = getattr(self, name).detach()
        if not learn and anywhere((held < 0) | (held > 1)):
            warn(
                f"{type(self).__name__}: {name} is a decay per step and is clamped to [0, 1], got {value}; "
                "snn.decay(tau, dt) computes it from a time constant in seconds"
            )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        args[-1].extend(bounded_otherwise(self, prefix, state_dict))  # the list of errors

    def _describe(self, *names: str) -> str:
        """Write ``name=value`` for constants and settings, as ``extra_repr`` prints them."""
        return ", ".join(f"{n}={_short(getattr(self, n))}{self._range(n)}" for n in names)

    def _range(self, name: str) -> str:
        ends = bounds_of(self, name)
        return "" if ends is None else f" (learned, {ends.low:g}..{ends.high:g})"

    def __repr__(self) -> str:
        if "parametrizations" not in self._modules:
            return super().__repr__()
        # without torch's modules that compute constants
        shown: Any = type(type(self).__name__, (nn.Module,), {"extra_repr": lambda _: self.extra_repr()})()
        for name, part in self._modules.items():
            if name != "parametrizations":
                shown.add_module(name, part)
        return repr(shown)


def warn(message: str) -> None:
    """Warn, and point to the line outside this package and torch that led to the warning."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("snn_core.", "torch.")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def must_be_one_or_each(what: str, value: Tensor, count: int, each: str) -> None:
    """Raise unless a constant has one value, or one for each of ``count`` things."""
    if value.shape not in ((), (1,), (count,)):
        raise ValueError(
            f"{what} must have one value, or one for each of {count} {each}, got shape {tuple(value.shape)}"
        )


def must_be_a_count(what: str, value: Any, of: str = "") -> None:
    """Raise unless a value is a whole number of at least 1, of Python or NumPy; ``of`` is what is counted."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        number = f"whole number of {of}" if of else "whole number"
        raise ValueError(f"{what} must be a {number}, 1 or more, got {value!r}")


def must_be_positive(what: str, value: float | Tensor, zero: str = "0", *, finite: bool = True) -> None:
    """Raise unless a number, or each number of a tensor, is greater than 0, and finite; tensors without values pass."""
    if isinstance(value, Tensor) and (value.is_meta or not value.numel()):
        return
    least, most = torch.aminmax(value) if isinstance(value, Tensor) else (value, value)
    if not least > 0:
        raise ValueError(f"{what} must be greater than {zero}, got {value}")
    if finite and most == math.inf:
        raise ValueError(f"{what} must be finite, got {value}")


def must_be_finite(what: str, value: Tensor, remedy: str) -> None:
    """Raise unless each number of a tensor is finite."""
    if anywhere(~value.isfinite()):
        raise ValueError(f"{what} must be finite, got {value}; {remedy}")


def as_constant(what: str, value: Any) -> Tensor:
    """Return a number, tensor or array as a new floating-point tensor; errors call it ``what``."""
    if isinstance(value, Tensor):
        tensor = value.detach().clone()
    elif isinstance(value, Real):
        tensor = torch.tensor(float(value))  # a NumPy number would bring its dtype along
    elif hasattr(value, "__array__"):
        tensor = torch.tensor(value)
    else:
        raise TypeError(f"{what} must be a number or a tensor, got {type(value).__name__} {value!r}")
    if tensor.is_complex():
        raise TypeError(f"{what} must be real, got {tensor.dtype}")
    if not tensor.numel():
        raise ValueError(f"{what} must have a value, got shape {tuple(tensor.shape)}")
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


def _must_be_inside(what: str, value: Tensor, low: float | None, high: float | None, learn: bool) -> None:
    if low is None or high is None or not high > low:
        raise ValueError(f"{what} takes low and high together, with high greater than low, got {low=}, {high=}")
    inside = (value > low) & (value < high) if learn else (value >= low) & (value <= high)
    if anywhere(~inside):
        ends = "both excluded as it is learned, " if learn else ""
        raise ValueError(f"{what} must be between {low} and {high}, {ends}got {value}")


def _short(value: Any) -> str:
    if not isinstance(value, Tensor):
        return repr(value)
    text = f"{value.item():.6g}" if value.numel() == 1 and not value.is_meta else f"tensor{tuple(value.shape)}"
    return f"{text} (learned)" if isinstance(value, nn.Parameter) else text


def decay(tau: float | Tensor, dt: float) -> float | Tensor:
    r"""Return the decay per step of an exponential with time constant ``tau``.

    .. math:: \beta = e^{-\Delta t / \tau}

    Args:
        tau: Time constant in seconds, greater than 0; a number, or a tensor or array of any shape.
        dt: Step in seconds, greater than 0 and finite.

    Returns:
        The decay, in [0, 1]: a float, or a tensor of the shape of ``tau``.

    Raises:
        ValueError: If ``tau`` or ``dt`` is not greater than 0, or ``dt`` is infinite.

    Example:
        >>> round(decay(tau=20e-3, dt=1e-3), 4)
        0.9512

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """
    must_be_positive("decay: dt", dt, "0 seconds")
    if not isinstance(tau, Real) and hasattr(tau, "__array__"):
        tau = torch.as_tensor(tau)
    must_be_positive("decay: tau", tau, "0 seconds", finite=False)
    return torch.exp(-dt / tau) if isinstance(tau, Tensor) else math.exp(-dt / tau)
