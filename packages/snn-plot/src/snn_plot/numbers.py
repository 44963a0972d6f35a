"""Checks that an argument is a number that a plot can use."""

from __future__ import annotations

import math
from typing import Any


def is_number(value: Any) -> bool:
    """Return True if a value is one finite number, of Python, numpy or torch."""
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # each library refuses in its own way
        return False


def whole(value: Any, least: int = 1) -> int | None:
    """Return a whole number of at least ``least``, of Python, numpy or torch, as an int; None for any other value."""
    return int(value) if is_number(value) and value == int(value) and value >= least else None


def checked_whole(value: Any, expected: str, most: float = math.inf) -> int:
    """Return a whole number from 1 to ``most`` as an int; ``expected`` begins the error for any other value."""
    number = whole(value)
    if number is None or number > most:
        raise ValueError(f"{expected}, got {value}")
    return number


def pair(value: Any) -> tuple[Any, Any]:
    """Return the two entries of a value; if it does not have two, return two that are not numbers."""
    try:
        first, second = value
    except (TypeError, ValueError):
        return math.nan, math.nan
    return first, second
