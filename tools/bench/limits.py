"""The speed at which this machine moves memory and multiplies matrices, and the least time of a piece of work."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from dataclasses import dataclass

_MIB = 2**20
_CACHED = 32 * _MIB
_SIDE = 1024


@dataclass(frozen=True)
class Work:
    """Work of one kind of layer, in one direction."""

    stage: str  # kind of layer, as in ``bench.stages.STAGES``
    direction: str  # ``"forward"``, ``"backward"``, or ``"inference"`` for forward alone
    moved: int  # bytes read and written
    operations: int  # multiplications and additions of matrix products
    held: int  # bytes that are in flight at a time


def measured() -> dict[str, float]:
    """Measure, with as many threads as PyTorch has.

    Returns:
        ``copy_8_mib`` and ``copy_256_mib``: GB/s (10^9 bytes, read and written) of a copy that stays in the cache and
        of one that does not; ``first_touch``: GB/s written to memory that is fresh from the system; ``product``:
        GFLOP/s of a product of float32 matrices, by the fastest library that torch has.
    """
    import torch

    def copied(mebibytes: int) -> float:
        source = torch.ones(mebibytes * _MIB // 4)
        target = torch.ones_like(source)
        return 2 * source.nbytes / _fastest(lambda: target.copy_(source)) / 1e9

    def touched() -> float:
        elements = 256 * _MIB // 4
        return 4 * elements / _fastest(lambda: torch.empty(elements).fill_(1.0)) / 1e9

    def multiplied() -> float:
        a, b = torch.ones(_SIDE, _SIDE), torch.ones(_SIDE, _SIDE)
        ways: list[Callable[[], object]] = [lambda: torch.mm(a, b)]
        if torch.backends.mkldnn.is_available():
            ways.append(lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], ""))
        return 2 * _SIDE**3 / min(map(_fastest, ways)) / 1e9

    return {"copy_8_mib": copied(8), "copy_256_mib": copied(256), "first_touch": touched(), "product": multiplied()}


def _fastest(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=1, repeat=9))


def floor_seconds(work: Work, limits: dict[str, float]) -> float:
    """Return the least time that a piece of work takes: that of memory or of arithmetic, whichever is longer.

    Example:
        >>> floor_seconds(Work("neurons", "forward", 10**7, 0, 10**7), {"copy_8_mib": 20.0, "product": 100.0})
        0.0005
    """
    bandwidth = limits["copy_8_mib" if work.held <= _CACHED else "copy_256_mib"]
    return max(work.moved / bandwidth, work.operations / limits["product"]) / 1e9
