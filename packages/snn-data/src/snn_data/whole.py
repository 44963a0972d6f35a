"""Checks that an argument is a whole number."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["integer"]


def integer(caller: str, name: str, value: Any) -> int:
    """Return an integer of Python or NumPy as one of Python; neither a bool nor a float is one.

    Example:
        >>> integer("data_subset", "idx", np.int64(3))
        3
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{caller} needs an integer {name}, got {value!r}")
    return int(value)
