"""Memory of a long sequence follows from short ones: sums of what grows with a chunk, their number, and neither."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn_core.sequence.allocations import Section
from snn_core.sequence.memory_model import Measure, MemoryModel, chunk_sizes

FEW = st.integers(0, 50)


def machine(fixed: int, a_step: int, stored: int, above: int, a_chunk: int, ran: list[int] | None = None) -> Measure:
    """A run whose memory is known: for each step an output, in a chunk what is stored and what comes on top of it."""

    def measure(steps: int, chunk: int | None) -> tuple[list[Section], int]:
        if ran is not None:
            ran.append(steps)
        size = steps if chunk is None else chunk
        count = math.ceil(steps / size)
        sections = [Section("start", 0, 0)]

        def stretch(live: int, steps: int, keeps: bool) -> None:
            sections.append(Section("run", live + (stored + above) * steps, live + stored * steps * keeps))
            sections.append(Section("ran", live + stored * steps, live))

        for i in range(count - 1):
            stretch(a_step * steps + a_chunk * (i + 1), size, keeps=False)
        last, live = steps - size * (count - 1), fixed + a_step * steps + a_chunk * count
        stretch(live, last, keeps=True)
        sections.append(Section("backward", live + (stored + 2 * above) * last, live))
        for i in reversed(range(count - 1)):
            live = fixed + a_step * steps + a_chunk * (i + 1)
            sections.append(Section("run", live + stored * size, live + stored * size))
            sections.append(Section("ran", live + (stored + 2 * above) * size, live))
        return sections, 1

    return measure


def peak(measure: Measure, steps: int, chunk: int | None) -> int:
    return max(section.peak for section in measure(steps, chunk)[0])


@given(FEW, FEW, FEW, FEW, FEW, st.integers(1, 400))
def test_a_run_at_once_is_predicted_exactly(
    fixed: int, a_step: int, stored: int, above: int, a_chunk: int, steps: int
) -> None:
    measure = machine(fixed, a_step, stored, above, a_chunk)
    model = MemoryModel(measure, steps, limit=500, gradients=0, blocks=False)
    assert model.predict(None) == peak(measure, steps, None)


@given(FEW, FEW, FEW, FEW, FEW, st.integers(8, 400), st.integers(2, 9))
def test_chunks_that_divide_the_sequence_are_predicted_exactly(
    fixed: int, a_step: int, stored: int, above: int, a_chunk: int, chunk: int, count: int
) -> None:
    measure, steps = machine(fixed, a_step, stored, above, a_chunk), chunk * count
    model = MemoryModel(measure, steps, limit=500, gradients=0, blocks=False)
    assert model.predict(chunk) == peak(measure, steps, chunk)


def test_a_long_sequence_is_not_run() -> None:
    ran: list[int] = []
    measure = machine(0, 4, 100, 60, 5000, ran)
    model = MemoryModel(measure, 10**6, limit=10_000, gradients=0, blocks=False)
    assert (model.predict(None), model.predict(1000)) == (peak(measure, 10**6, None), peak(measure, 10**6, 1000))
    assert max(ran[:-2]) < 200


def test_nothing_above_the_budget_is_run_but_by_the_last_doubling() -> None:
    ran: list[int] = []
    model = MemoryModel(machine(0, 0, 100, 0, 0, ran), 10**6, limit=10**9, gradients=0, blocks=False, budget=3000)
    model.predict(None)
    assert max(ran) <= 2 * 3000 / 100


def test_while_gradients_of_parameters_are_most_of_it_stretches_grow() -> None:
    ran: list[int] = []
    MemoryModel(machine(0, 0, 10, 0, 0, ran), 10**6, limit=0, gradients=1000, blocks=False).predict(None)
    assert max(ran) >= 16 * 1000 / 10


def test_of_a_net_that_sees_blocks_of_steps_what_comes_on_top_grows_no_more() -> None:
    def measure(steps: int, chunk: int | None) -> tuple[list[Section], int]:
        above = 7 * min(steps, 50)
        return [Section("run", 20 * steps + above, 20 * steps)], 1

    model = MemoryModel(measure, 10_000, limit=3000, gradients=0, blocks=True)
    assert model.predict(None) == 20 * 10_000 + 7 * 50


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 7, 8, 9, 11, 15, 16, 17, 23])
def test_short_sequences_are_predicted_at_every_chunk(steps: int) -> None:
    measure = machine(90, 3, 7, 2, 11)
    model = MemoryModel(measure, steps, limit=10**9, gradients=0, blocks=False)
    for chunk in chunk_sizes(steps):
        while model.predict(chunk) >= 0 and model.refine(chunk):
            pass
        # a last chunk that is shorter takes less, as which the prediction does not know it
        assert model.predict(chunk) == pytest.approx(peak(measure, steps, chunk), rel=0.1)


def test_sizes_are_those_of_even_parts() -> None:
    assert chunk_sizes(1) == []
    assert chunk_sizes(100)[:4] == [50, 34, 25, 20]
    assert chunk_sizes(100)[-1] == 1
