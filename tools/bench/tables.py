"""Tables, their cells, and the arithmetic behind them: quartiles of pairwise ratios, fitted exponents."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = "–"


@dataclass(frozen=True)
class Table:
    """A table with its title, in Markdown.

    Example:
        >>> print(Table("Two", ["a", "b"], [["1", "22"]], ["seen"]).markdown())
        | a | b  |
        |---|---|
        | 1 | 22 |
        <BLANKLINE>
        - seen
    """

    title: str  # what it shows
    head: Sequence[str]  # titles of the columns
    rows: Sequence[Sequence[str]]  # cells, as many in each row as there are columns
    notes: Sequence[str] = ()  # lines under it

    def markdown(self, padded: bool = True) -> str:
        """Return the table and its notes; if padded, all cells of a column are as wide as the widest."""
        widths = [max(map(len, column)) if padded else 0 for column in zip(self.head, *self.rows, strict=True)]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in (self.head, *self.rows)
        ]
        lines.insert(1, "|" + "---|" * len(self.head))
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes)]).rstrip()


def sections(tables: Iterable[Table], mark: str = "##") -> str:
    """Return tables under their titles."""
    return "\n\n".join(f"{mark} {table.title}\n\n{table.markdown()}" for table in tables)


def spread(three: tuple[float, float, float], unit: str = "") -> str:
    """Write a median with its unit and its quartiles.

    Example:
        >>> spread((1.0, 2.5, 3.0), "×")
        '2.5× (1–3)'
    """
    low, middle, high = map(figure, three)
    return f"{middle}{unit} ({low}–{high})"


def milliseconds(seconds: float) -> str:
    """Write a duration in milliseconds.

    Example:
        >>> milliseconds(0.01234)
        '12.3'
    """
    return figure(1e3 * seconds)


def figure(value: float) -> str:
    """Write a number to three digits.

    Example:
        >>> figure(1234.5)
        '1234'
    """
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def both_ways(times: Mapping[str, Any]) -> str:
    """Write the medians of the times forward and backward, as far as there are any, in milliseconds."""
    ways = [way for way in ("forward", "backward") if way in times]
    return " + ".join(milliseconds(statistics.median(times[way])) for way in ways) or NOTHING


def megabytes(answer: Mapping[str, Any]) -> str:
    """Write the memory in MiB, or a dash if it was not measured."""
    return f"{answer['megabytes']:.0f}" if "megabytes" in answer else NOTHING


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
