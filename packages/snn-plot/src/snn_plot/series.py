"""Several things to draw, each with the name that the legend shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def distinct(several: Mapping[Any, Any], argument: str) -> Mapping[Any, Any]:
    """Return values by name, after checking that no two of their keys are the same text, which the legend shows."""
    keys: dict[str, Any] = {}
    for key in several:
        other = keys.setdefault(str(key), key)
        if other is not key:
            raise ValueError(
                f"{argument} has the keys {other!r} and {key!r}, both of which the legend writes as {key}. "
                "Fix: rename one"
            )
    return several


def named_callables(functions: Any, name: str, takes: str) -> dict[str, Callable[..., Any]]:
    """Return a callable for each curve by its name, after a check; a single one has the empty name."""
    several = distinct(functions, name) if isinstance(functions, Mapping) else {"": functions}
    named = {str(key): value for key, value in several.items()}
    if not named:
        raise ValueError(f"{name} is empty. Fix: pass a callable that {takes}, or several by name")
    for value in named.values():
        if not callable(value):
            raise TypeError(f"{name} must be a callable that {takes}, or several by name, got {value!r}")
    return named
