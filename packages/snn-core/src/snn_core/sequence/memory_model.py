"""The peak of memory by how many steps a sequence has and how many run at a time, from a few short runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from snn_core.sequence.allocations import Section

Measure = Callable[[int, int | None], tuple[list[Section], int]]
"""``measure(steps, chunk)``: the sections of a run of so many steps, and how many events torch recorded."""

_SHORT = 8  # steps, below which a sequence is measured as it is
_TIMES = 16  # as much as the gradients of the parameters
_CHUNKS = 3  # the fewest of which the first, the last and one between are told apart
_EVENTS, _MOST_EVENTS = 50_000, 300_000  # of one measured run: what Python does step after step grows as at few steps


def chunk_sizes(steps: int) -> list[int]:
    """The sizes that cut so many steps into two, three, ... parts as even as can be, largest first.

    Example:
        >>> chunk_sizes(10)
        [5, 4, 3, 2, 1]
    """
    return sorted({math.ceil(steps / count) for count in range(2, steps + 1)}, reverse=True)


@dataclass(frozen=True)
class _Peak:
    """Of one section: what the stretch before has stored, and what there is above it at most; in bytes."""

    stored: float
    above: float

    def __add__(self, other: _Peak) -> _Peak:
        return _Peak(self.stored + other.stored, self.above + other.above)

    def __mul__(self, factor: float) -> _Peak:
        return _Peak(self.stored * factor, self.above * factor)


_Peaks = list[_Peak]


class MemoryModel:
    """Predicts the peak of a run of ``steps`` steps from short ones.

    In every section of a run memory is a sum of what grows with the steps of a chunk, with the number of chunks, with
    both, and with neither. Runs of one stretch, and runs of three and four chunks, of doubling lengths give these; the
    peak of a run is the largest of its sections'. Beyond the longest stretch that was measured, what is stored grows as
    it did, and what comes on top of it too, unless the net sees blocks of steps.

    A section's peak is at one of several moments, and which one changes with the steps: while few are stored it is
    where the parameters' gradients are. So stretches are measured until they hold several times as much as these.

    Args:
        measure: Runs some of the steps.
        steps: Number of steps of the sequence.
        limit: Bytes at which a stretch is long: memory of longer ones grows in proportion.
        gradients: Bytes of the gradients of the net's parameters.
        blocks: Whether the net sees a block of steps at a time.
        budget: Bytes from which on it is enough to know that there are more; none are by default.

    Example:
        >>> def measure(steps, chunk):
        ...     return [Section("run", 100 + 8 * steps, 100 + 8 * steps)], 1
        >>> MemoryModel(measure, steps=1000, limit=500, gradients=9, blocks=False).predict(None)
        8100
    """

    def __init__(
        self, measure: Measure, steps: int, limit: int, gradients: int, blocks: bool, budget: int | None = None
    ) -> None:
        self._measure, self._steps, self._blocks = measure, steps, blocks
        self._budget = math.inf if budget is None else budget
        self._many = _TIMES * gradients
        self._limit = max(limit, self._many)
        self._whole: dict[int, _Peaks] = {}
        self._chunked: dict[int, _Peaks] = {}
        self._a_chunk: _Peaks = []  # what a chunk more adds, whatever its size
        self._a_step: _Peaks = []  # what a step more adds to a chunk more
        self._exact: dict[int, int] = {}

    def predict(self, chunk: int | None) -> int:
        """The peak in bytes of the run with so many steps at a time, or all."""
        if chunk is None or chunk >= self._steps:
            self._measure_whole()
            return _largest(self._at(self._whole, self._steps))
        if self._steps < _SHORT:
            self._measure_exactly(chunk)
        if chunk in self._exact:
            return self._exact[chunk]
        self._measure_chunked()
        chunks, steps = math.ceil(self._steps / chunk) - _CHUNKS, self._steps - _CHUNKS * chunk
        parts = zip(self._at(self._chunked, chunk), self._a_chunk, self._a_step, strict=True)
        return _largest([three + a_chunk * chunks + a_step * steps for three, a_chunk, a_step in parts])

    def refine(self, chunk: int) -> bool:
        """Measure that chunk, after a prediction of it, unless it is a long one; whether there was anything to do."""
        if chunk in self._chunked or chunk in self._exact:
            return False
        longest = max(self._chunked)
        if chunk <= longest:
            self._chunked[chunk] = _thirds(self._measure(_CHUNKS * chunk, chunk)[0])
        elif longest == self._steps // _CHUNKS:
            self._measure_exactly(chunk)
        return chunk <= longest or chunk in self._exact

    def _measure_exactly(self, chunk: int) -> None:
        if chunk not in self._exact:
            self._exact[chunk] = max(section.peak for section in self._measure(self._steps, chunk)[0])

    def _measure_whole(self) -> None:
        if self._whole:
            return
        for steps in _doubling(1, self._steps):
            found, events = self._measure(steps, None)
            self._whole[steps] = _peaks(found)
            if len(self._whole) > 2 and self._is_long(found, events):
                break

    def _measure_chunked(self) -> None:
        if self._chunked:
            return
        small = 2 if self._steps >= 2 * _SHORT else 1
        for chunk in _doubling(small, self._steps // _CHUNKS):
            found, events = self._measure(_CHUNKS * chunk, chunk)
            self._chunked[chunk] = _thirds(found)
            if chunk > 2 * small and self._is_long(found, events):
                break
        one, two = (self._added(chunk) for chunk in (small, 2 * small))
        self._a_step = [(q + p * -1) * (1 / small) for p, q in zip(one, two, strict=True)]
        self._a_chunk = [p + s * -small for p, s in zip(one, self._a_step, strict=True)]

    def _added(self, chunk: int) -> _Peaks:
        """What a fourth chunk of that size adds to three."""
        four = _thirds(self._measure((_CHUNKS + 1) * chunk, chunk)[0])
        return [p + q * -1 for p, q in zip(four, self._chunked[chunk], strict=True)]

    def _is_long(self, found: list[Section], events: int) -> bool:
        peak = max(section.peak for section in found)
        most = _EVENTS if peak >= self._many else _MOST_EVENTS
        return peak >= self._limit or peak > self._budget or events >= most

    def _at(self, measured: dict[int, _Peaks], steps: int) -> _Peaks:
        """At so many steps of a stretch: between the two nearest that were measured, or on from the last two."""
        if steps in measured or len(measured) == 1:
            return measured[steps if steps in measured else next(iter(measured))]
        sizes = sorted(measured)
        upper = next((i for i, size in enumerate(sizes) if size > steps and i > 0), len(sizes) - 1)
        low, high = sizes[upper - 1], sizes[upper]
        part = (steps - low) / (high - low)
        return [self._between(p, q, part) for p, q in zip(measured[low], measured[high], strict=True)]

    def _between(self, low: _Peak, high: _Peak, part: float) -> _Peak:
        on = low * (1 - part) + high * part
        if part > 1 and self._blocks and high.stored + high.above >= self._limit:
            return _Peak(on.stored, max(low.above, high.above))
        return on


def _doubling(first: int, last: int) -> list[int]:
    sizes = [first]
    while sizes[-1] < last:
        sizes.append(min(2 * sizes[-1], last))
    return sizes


def _peaks(found: list[Section]) -> _Peaks:
    peaks, stored = [], 0
    for section in found:
        if section.name == "run":
            stored = section.end
        peaks.append(_Peak(stored, section.peak - stored))
    return peaks


def _thirds(found: list[Section]) -> _Peaks:
    """Of a run in chunks the sections of the last chunk, and of the chunks that are run again, first and last."""
    runs = [i for i, section in enumerate(found) if section.name == "run"]
    count = len(runs) // 2  # all but one chunk are run twice
    peaks = _peaks(found)
    return [*peaks[runs[count] : runs[count + 1] + 2], *peaks[runs[-1] :]]


def _largest(peaks: _Peaks) -> int:
    return round(max(p.stored + p.above for p in peaks))
