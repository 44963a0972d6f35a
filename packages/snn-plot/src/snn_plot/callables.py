"""One function to draw, or several by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def named_callables(functions: Any, name: str, takes: str) -> dict[str, Callable[..., Any]]:
    """Return a callable for each curve by its name, after a check; a single one has the empty name."""
    named = {str(key): value for key, value in functions.items()} if isinstance(functions, Mapping) else {"": functions}
    if not named:
        raise ValueError(f"{name} is empty: pass a callable that {takes}, or several by name")
    for value in named.values():
        if not callable(value):
            raise TypeError(f"{name} must be a callable that {takes}, or several by name, got {value!r}")
    return named
