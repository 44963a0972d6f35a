"""Warnings of others about themselves, which a user can do nothing about."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Keep PyTorch and exporters from warning of what they do themselves.

    Example:
        >>> with quiet():
        ...     warnings.warn("this interface will change", FutureWarning)
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
