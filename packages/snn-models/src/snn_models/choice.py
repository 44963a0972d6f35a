"""Errors for arguments that a network does not offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

_Value = TypeVar("_Value")


def chosen(what: str, key: Any, offers: Mapping[Any, _Value]) -> _Value:
    """Return what is offered under a key.

    Raises:
        ValueError: If the key is not among the offers; the message names ``what``, the key and the offers.

    Example:
        >>> chosen("vgg: depth", 12, {11: "A", 13: "B"})
        Traceback (most recent call last):
        ValueError: vgg: depth must be one of 11, 13, got 12
    """
    if key not in offers:
        raise ValueError(f"{what} must be one of {', '.join(map(repr, offers))}, got {key!r}")
    return offers[key]


def must_be_counts(owner: str, **counts: Any) -> None:
    """Raise a ValueError that names the first argument that is not a whole number of at least 1."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{owner}: {name} must be a whole number of at least 1, got {value!r}")


def must_be_divisible(owner: str, name: str, value: int, by: int) -> None:
    """Raise a ValueError for an argument that another number does not divide."""
    if value % by:
        raise ValueError(f"{owner}: {name} must be a multiple of {by}, got {value}")
