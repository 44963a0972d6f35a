"""Checks that an argument is a number that a plot can use."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["is_number", "pair", "whole"]


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


def whole(value: Any, least: int = 1) -> int | None:
    """Return a whole number of at least ``least``, of Python, numpy or torch, as an int; None if a value is none.

    Example:
        >>> whole(3), whole(3.0), whole(2.5), whole(0), whole("3")
        (3, 3, None, None, None)
    """
    return int(value) if is_number(value) and value == int(value) and value >= least else None


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
