"""Warnings that point to whoever called the package."""

from __future__ import annotations

import sys

from snn_nir.codes import announce

__all__ = ["warn_caller"]


def warn_caller(code: str, where: str, found: str, remedy: str | None = None) -> None:
    """:func:`~snn_nir.codes.announce`, shown at the line outside of this package that led here.

    Args:
        code: ``NIRxxx``.
        where: The node, the field or the path in the file.
        found: What is there and what was made of it.
        remedy: What to do; that of the code's table if None.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as seen:
        ...     warnings.simplefilter("always")
        ...     warn_caller("NIR501", "graph", "dt = 0.0001 s is assumed")
        >>> seen[0].message.code
        'NIR501'
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("snn_nir."):
        level, frame = level + 1, frame.f_back
    announce(code, where, found, remedy, stacklevel=level)
