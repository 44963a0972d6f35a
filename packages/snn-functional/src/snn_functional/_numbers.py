"""Numbers that a user passes, checked once at the border."""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import Any

from torch import Tensor


def whole(name: str, value: Any, wanted: str = "an int", *, least: int | None = None, remedy: str = "") -> int:
    """Return an int as it is.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.
        wanted: What to pass, for the message.
        least: The smallest that makes sense.
        remedy: What to say of a smaller one, in place of naming the least.

    Returns:
        The same number.

    Raises:
        TypeError: If it is no int, or a bool.
        ValueError: If it is smaller than ``least``.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; pass {wanted}")
    if least is not None and value < least:
        raise ValueError(f"{name} is {value}; {remedy or f'it must be at least {least}'}")
    return value


def is_real(value: Any) -> bool:
    """Return True for a real number that is no bool."""
    return isinstance(value, Real) and not isinstance(value, bool)


def real(name: str, value: Any, wanted: str = "a number") -> float:
    """A real number.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed: a number, or a tensor of one.
        wanted: What to pass, for the message.

    Returns:
        The same number.

    Raises:
        TypeError: If it is no real number.
        ValueError: If no float holds it.
    """
    found = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
    if not is_real(found):
        raise TypeError(f"{name} is {value!r}; pass {wanted}")
    try:
        return float(found)
    except OverflowError:
        size = f"an int of {found.bit_length()} bits" if isinstance(found, int) else f"a {type(found).__name__}"
        raise ValueError(f"{name} is {size}, which no float holds; pass {wanted}") from None


def finite(name: str, value: Any, wanted: str = "a number") -> float:
    """A finite real number.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed: a number, or a tensor of one.
        wanted: What to pass, for the message.

    Returns:
        The same number.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it is infinite or NaN.
    """
    number = real(name, value, wanted)
    if not isfinite(number):
        raise ValueError(f"{name} is {number}; it must be finite: pass {wanted}")
    return number


def share(name: str, value: Any, of: str) -> float:
    """A number from 0 to 1.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed: a number, or a tensor of one.
        of: What it is, for the message.

    Returns:
        The same number.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it lies outside [0, 1].
    """
    number = real(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} is {number}; {of} and must lie in [0, 1]")
    return number
