"""One seed from several numbers."""

from __future__ import annotations

import numpy as np

__all__ = ["mixed_seed"]


def mixed_seed(*numbers: int) -> int:
    """Mix numbers, such as a seed, an epoch and an index, into one seed.

    Seeds of neighboring numbers are unrelated, and ``(0, 1)`` and ``(1, 0)`` give different seeds.

    Source: ``numpy.random.SeedSequence``, whose output is the same on every platform and in every version.
    """
    for number in numbers:
        if number < 0:
            raise ValueError(f"seed, epoch and index must be 0 or more, got {number} in {numbers}")
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1
