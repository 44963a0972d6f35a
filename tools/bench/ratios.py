"""The arithmetic of the tables: quartiles of pairwise ratios, fitted exponents."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile.

    Raises:
        ValueError: If there is no value.

    Example:
        >>> quartiles([4.0, 1.0, 3.0, 2.0, 5.0])
        (2.0, 3.0, 4.0)
    """
    if not values:
        raise ValueError("quartiles of no values: at least one round is needed")
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def ratios(own: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Return how many times as long the other took in the same rounds, as quartiles.

    Raises:
        ValueError: If the numbers of rounds differ.

    Example:
        >>> ratios([1.0, 2.0, 1.0], [3.0, 6.0, 5.0])
        (3.0, 3.0, 4.0)
    """
    return quartiles([peer / ours for ours, peer in zip(own, other, strict=True)])


def totals(times: Iterable[Sequence[float]]) -> list[float]:
    """Return the total time of each round, from the times of its parts.

    Example:
        >>> totals([[1.0, 2.0], [10.0, 10.0]])
        [11.0, 12.0]
    """
    return [sum(turn) for turn in zip(*times, strict=True)]


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Return the power of the size with which the time grows: the slope of a line through the logarithms.

    Example:
        >>> round(exponent([1, 10, 100], [2, 20, 200]), 6)
        1.0
    """
    return statistics.linear_regression(
        [math.log(size) for size in sizes], [math.log(seconds) for seconds in times]
    ).slope
