"""The levels of a quantized state, and the borders between them."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

# the base of the steps for a number of bits, chosen so that the smallest step is still a useful one
_BASES = {1: 0.05, 2: 0.1, 3: 0.3, 4: 0.5, 5: 0.7, 6: 0.9, 7: 0.925}
_FINEST_BASE = 0.95


def base_of(num_bits: int) -> float:
    """Return the factor from one non-uniform step to the next, if none is chosen."""
    return _BASES.get(num_bits, _FINEST_BASE)


def geometric(count: int, low: float, center: float, high: float, base: float) -> list[float]:
    """Return levels between two ends, whose steps shrink by ``base`` toward a center that is not a level itself.

    The levels are shared out in proportion to the two ranges.
    """
    below = int(count * ((center - low) / (high - low)))
    down = _distances(below, center - low, base)
    up = _distances(count - below, high - center, base)
    return [center - d for d in reversed(down)] + [center + d for d in up]


def _distances(count: int, reach: float, base: float) -> list[float]:
    """Return growing distances from a center, the last of which is ``reach``."""
    powers = [base**j for j in reversed(range(count))]
    room = sum(powers) / reach if reach else float("inf")
    return list(accumulate(power / room for power in powers))


def nearest_to_zero(levels: Tensor) -> int:
    """Return the index of the level nearest to 0; of two, the lower one."""
    magnitudes = levels.double().abs()
    # two levels on either side of 0 are a tie even if rounding has moved them
    return int((magnitudes <= magnitudes.min() * (1 + 1e-9)).nonzero()[0])


def borders(levels: Tensor) -> Tensor:
    """Return the largest number between each two levels that is not nearer to the upper one."""
    low, high = levels[:-1].double() / 2, levels[1:].double() / 2
    middle = low + high
    # the rounding error of a sum is a number itself (Knuth's two-sum), and its sign tells on which side the middle lies
    part = middle - low
    below = (low - (middle - part)) + (high - part) < 0
    middle = torch.where(below, _before(middle), middle)
    border = middle.to(levels.dtype)
    return torch.where(border.double() > middle, _before(border), border)


def _before(x: Tensor) -> Tensor:
    return torch.nextafter(x, torch.full_like(x, -torch.inf))
