"""The number of threads on which torch computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["computing_on"]


@contextmanager
def computing_on(threads: int) -> Iterator[None]:
    """Make torch compute on a number of threads within a block, so that sums do not depend on the number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
