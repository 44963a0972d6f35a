"""Warnings of other packages about themselves, on which a user cannot act."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings of PyTorch and exporters about their own code.

    Example:
        >>> with quiet():
        ...     warnings.warn("this interface will change", FutureWarning)
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
