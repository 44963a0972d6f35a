"""Checks of numbers that a user passes, made once, where they enter the package.

Each check takes the argument's name and what it must be, for the message of the TypeError or ValueError.
"""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from snn_functional._messages import must


def whole(name: str, value: Any, expected: str = "an int", *, least: int | None = None, fix: str = "") -> int:
    """Return an int that is not a bool and at least ``least``; ``fix`` ends the message of a smaller one."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(must(name, f"be {expected}", repr(value)))
    if least is not None and value < least:
        raise ValueError(must(name, f"be at least {least}", value, fix))
    return value


def is_real(value: Any) -> bool:
    """Return True for a real number that is not a bool."""
    return isinstance(value, Real) and not isinstance(value, bool)


def real(name: str, value: Any, expected: str = "a number") -> float:
    """Return a real number, or the one in a tensor, as a float; a ValueError if it is too large for a float."""
    number = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
    if not is_real(number):
        raise TypeError(must(name, f"be {expected}", repr(value)))
    try:
        return float(number)
    except OverflowError:
        size = f"an int of {number.bit_length()} bits" if isinstance(number, int) else f"a {type(number).__name__}"
        raise ValueError(must(name, "fit into a float", size)) from None


def finite(name: str, value: Any, expected: str = "a number") -> float:
    """Return a finite real number; see :func:`real`."""
    number = real(name, value, expected)
    if not isfinite(number):
        raise ValueError(must(name, "be finite", number))
    return number


def as_tensor(name: str, values: Any, expected: str) -> Tensor:
    """Return a tensor as it is, and a number or a list as a tensor on the CPU."""
    try:
        return values if isinstance(values, Tensor) else torch.as_tensor(values, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(must(name, f"be {expected}", repr(values))) from error


def share(name: str, value: Any, unit: str = "") -> float:
    """Return a number from 0 to 1; see :func:`real`. ``unit`` says of what, such as ``"in spikes per step"``."""
    number = real(name, value)
    if not 0 <= number <= 1:
        raise ValueError(must(name, f"be in [0, 1]{unit and ', '}{unit}", number))
    return number
