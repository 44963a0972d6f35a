"""Checks that an argument is a number that a plot can use."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["is_number", "is_whole", "pair"]


def is_number(value: Any) -> bool:
    """Return True if a value is one finite number, of Python, numpy or torch.

    Example:
        >>> is_number(1.5), is_number(float("nan")), is_number("abc")
        (True, False, False)
    """
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # each library refuses in its own way
        return False


def is_whole(value: Any, least: int = 1) -> bool:
    """Return True if a value is a whole number of at least ``least``.

    Example:
        >>> is_whole(3), is_whole(2.5), is_whole(0), is_whole("3")
        (True, False, False, False)
    """
    return is_number(value) and value == int(value) and value >= least


def pair(value: Any) -> tuple[Any, Any]:
    """Return the two entries of a value; if it does not have two, return two that are not numbers.

    Example:
        >>> pair((2, 3)), pair(5)
        ((2, 3), (nan, nan))
    """
    try:
        first, second = value
    except (TypeError, ValueError):
        return math.nan, math.nan
    return first, second
