"""What a file says of a net beside its tensors, and whether that is of the right kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

__all__ = ["missing", "must_be_seeds", "must_be_time"]


def must_be_time(dt: Any) -> None:
    """Raise unless ``dt`` is None or a length of time in seconds.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is not positive and finite.

    Example:
        >>> must_be_time(1e-3)
    """
    if dt is None:
        return
    if not _is_number(dt):
        raise TypeError(f"save: dt is the seconds of a time step, a number or None, got {dt!r:.100}")
    if not 0 < dt < math.inf:
        raise ValueError(f"save: dt must be a positive and finite number of seconds, got {dt!r:.100}")


def must_be_seeds(seeds: Any) -> None:
    """Raise a TypeError unless ``seeds`` are whole numbers by name, or None.

    Example:
        >>> must_be_seeds({"torch": 0})
    """
    whole = isinstance(seeds, Mapping) and all(
        isinstance(name, str) and isinstance(seed, int) and not isinstance(seed, bool) for name, seed in seeds.items()
    )
    if seeds is not None and not whole:
        raise TypeError(f"save: seeds are whole numbers by name, such as {{'torch': 0}}, got {seeds!r:.100}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _table_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_CONTENT: dict[str, Callable[[Any], bool]] = {
    "classes": _table_of(_is_text),
    "options": _table_of(lambda value: isinstance(value, dict)),
    "shared": _table_of(_is_text),
    "state": lambda value: isinstance(value, bool),
    "versions": _table_of(_is_text),
    "dt": lambda value: value is None or _is_number(value),
    "seeds": _table_of(_is_number),  # a whole number or not: an earlier version wrote both
    "extra": lambda value: True,
}


def missing(manifest: Mapping[str, Any], found: Mapping[str, Tensor]) -> list[str]:
    """Return what a manifest does not say, or not in the way in which ``save`` says it.

    Args:
        manifest: The manifest.
        found: The tensors of the file.

    Returns:
        The faults, in words.

    Example:
        >>> missing({}, {})[:2]
        ["its manifest has no 'classes'", "its manifest has no 'options'"]
    """
    faults = [f"its manifest has no {key!r}" for key in _CONTENT if key not in manifest]
    faults += [
        f"its manifest has no {key!r} of the kind that save writes, but {manifest[key]!r:.100}"
        for key, fits in _CONTENT.items()
        if key in manifest and not fits(manifest[key])
    ]
    shared = {} if faults else manifest["shared"]
    return faults + [
        f"{name!r} shares {first!r}, which is not there" for name, first in shared.items() if first not in found
    ]
