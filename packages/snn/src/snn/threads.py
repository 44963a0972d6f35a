"""On how many threads torch computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["computing_on"]


@contextmanager
def computing_on(threads: int) -> Iterator[None]:
    """Let torch compute on so many threads for a while; sums come out the same whatever the number of cores.

    Example:
        >>> with computing_on(1):
        ...     torch.get_num_threads()
        1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
