"""Names and metadata that a NIR file can hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn_nir.codes import refusal

__all__ = ["check_metadata", "check_name"]

_MAX_NAME = 2**10
_MAX_LEVELS = 16


def check_name(name: Any, where: str) -> None:
    """Refuse a name that would come back as another, or not at all.

    Args:
        name: Name of a node or of an entry of metadata.
        where: What it names, for the error.

    Raises:
        NIRError: ``NIR113`` for an empty name, ``"."``, one with ``/`` or a null character, or over 1024 bytes.

    Example:
        >>> check_name("a/b", "node")
        Traceback (most recent call last):
            ...
        snn_nir.codes.NIRError: NIR113: node: a name that a NIR file cannot hold: 'a/b'; ...
    """
    if not isinstance(name, str) or name in ("", ".") or "/" in name or "\0" in name or not _fits(name):
        raise refusal("NIR113", where, repr(name)[:80])


def _fits(name: str) -> bool:
    try:
        return len(name.encode("utf8")) <= _MAX_NAME
    except UnicodeEncodeError:
        return False


def check_metadata(value: Any, where: str) -> None:
    """Refuse metadata that would not come back as it is.

    Args:
        value: Text, a number, a bool, an array of numbers, a list of text or of numbers, or a dict of these.
        where: Whose it is, for the error.

    Raises:
        NIRError: ``NIR113`` for a key, ``NIR114`` for anything else.

    Example:
        >>> check_metadata({"snn_nir": {"reset": "subtract", "beta": 0.9}}, "node 'lif'")
        >>> check_metadata({"note": None}, "node 'lif'")
        Traceback (most recent call last):
            ...
        snn_nir.codes.NIRError: NIR114: node 'lif', metadata 'note': metadata that a NIR file cannot hold: NoneType; ...
    """
    _check(value, f"{where}, metadata", 0)


def _check(value: Any, where: str, level: int) -> None:
    if isinstance(value, dict):
        if level > _MAX_LEVELS:
            raise refusal("NIR114", where, f"more than {_MAX_LEVELS} levels")
        for key, inner in value.items():
            check_name(key, where)
            _check(inner, f"{where} {key!r}", level + 1)
    elif isinstance(value, str):
        if "\0" in value or not _encodes(value):
            raise refusal("NIR114", where, f"text with a null character or a lone surrogate: {value[:40]!r}")
    elif isinstance(value, (list, tuple)) and value and all(isinstance(entry, str) for entry in value):
        for entry in value:
            _check(entry, where, level)
    elif isinstance(value, (list, tuple, np.ndarray, np.generic, int, float)):
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError):
            raise refusal("NIR114", where, "a list of unequal parts") from None
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise refusal("NIR114", where, f"values of type {array.dtype}")
    else:
        raise refusal("NIR114", where, type(value).__name__)


def _encodes(text: str) -> bool:
    try:
        text.encode("utf8")
    except UnicodeEncodeError:
        return False
    return True
