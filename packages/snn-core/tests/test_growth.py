"""Memory of a long sequence follows from dry runs of a few steps: a chunk's own, outputs, and where chunks begin."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn_core.sequence.memory_plan import Growth, Usage

FEW = st.integers(0, 50)
Measure = Callable[..., Usage]


def machine(
    output: int,
    stored: int,
    above: int,
    border: int,
    gradient: int = 0,
    input_gradient: int = 0,
    runs: list[int] | None = None,
) -> Measure:
    """A run whose memory is known: what a step gives, stores and takes, and what is kept where a chunk begins."""

    def measure(steps: int, chunk: int | None = None) -> Usage:
        if runs is not None:
            runs.append(steps)
        size = steps if chunk is None else chunk
        count, peak = math.ceil(steps / size), 0
        for i in reversed(range(count)):  # in the order of the backward pass
            here = min(size, steps - i * size)
            alone = 0 if count == 1 else steps * output + gradient
            begun, after = i * border, (steps - i * size - here) * input_gradient
            peak = max(peak, alone + begun + after + here * (output + stored + above + input_gradient) + gradient)
        if count > 1:
            peak = max(peak, steps * (output + 2 * input_gradient))
        last = steps - size * (count - 1)
        whole = steps * output if count > 1 else 0
        return Usage(steps * output, whole + (count - 1) * border + last * (output + stored), peak, 1)

    return measure


@given(FEW, FEW, FEW, FEW, FEW, FEW, st.integers(1, 400))
def test_a_run_at_once_is_predicted_exactly(
    output: int, stored: int, above: int, border: int, gradient: int, input_gradient: int, steps: int
) -> None:
    measure = machine(output, stored, above, border, gradient, input_gradient)
    growth = Growth(measure, steps, input_gradient, gradient, blocks=False)
    assert growth.peak(None) == measure(steps).peak


@given(FEW, FEW, FEW, FEW, FEW, st.integers(8, 400), st.integers(1, 200))
def test_chunks_are_predicted_exactly(
    output: int, stored: int, border: int, gradient: int, input_gradient: int, steps: int, chunk: int
) -> None:
    measure = machine(output, stored, 0, border, gradient, input_gradient)
    growth = Growth(measure, steps, input_gradient, gradient, blocks=False)
    if chunk < steps:
        growth.peak(chunk)
        growth.refine(chunk)
        assert growth.peak(chunk) == pytest.approx(measure(steps, chunk).peak, rel=0.02, abs=1)


def test_a_long_sequence_is_not_run() -> None:
    runs: list[int] = []
    measure = machine(40, 10_000, 6_000, 50_000, runs=runs)
    growth = Growth(measure, 10**6, input_gradient=0, gradients=0, blocks=False)
    predicted = growth.peak(None), growth.peak(100_000)
    assert max(runs) < 10_000
    assert predicted == (measure(10**6).peak, measure(10**6, 100_000).peak)


def test_nothing_above_the_budget_is_run_but_by_the_last_doubling() -> None:
    runs: list[int] = []
    measure = machine(0, 100, 0, 7, runs=runs)
    Growth(measure, 10**6, input_gradient=0, gradients=0, blocks=False, budget=3000).peak(1000)
    assert max(runs) <= 2 * 3000 / 100


def test_runs_grow_while_gradients_of_parameters_take_most_memory() -> None:
    runs: list[int] = []
    Growth(machine(0, 10, 0, 0, runs=runs), 10**9, input_gradient=0, gradients=2**26, blocks=False)
    assert max(runs) >= 16 * 2**26 / 10


def test_many_events_are_enough_where_there_is_more_than_gradients_of_parameters() -> None:
    runs: list[int] = []

    def measure(steps: int) -> Usage:
        runs.append(steps)
        return Usage(0, 100 * steps, 100 * steps, 1000 * steps)

    Growth(measure, 10**6, input_gradient=0, gradients=10, blocks=False)
    assert max(runs) == 64
    runs.clear()
    Growth(measure, 10**6, input_gradient=0, gradients=10_000, blocks=False)
    assert max(runs) == 512


def test_extra_memory_of_a_net_that_runs_in_blocks_stops_growing() -> None:
    def measure(steps: int) -> Usage:
        return Usage(0, 2**20 * steps, 2**20 * (steps + 7 * min(steps, 20)), 1)

    growth = Growth(measure, 10_000, input_gradient=0, gradients=0, blocks=True)
    assert growth.peak(None) == 2**20 * (10_000 + 7 * 20)


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 7, 8, 9, 11, 15, 16, 17, 23])
def test_every_chunk_of_a_short_sequence_is_predicted_as_it_is_measured(steps: int) -> None:
    measure = machine(3, 7, 2, 11, 90, 5)
    growth = Growth(measure, steps, input_gradient=5, gradients=90, blocks=False)
    for chunk in range(1, steps):
        growth.peak(chunk)
        growth.refine(chunk)
        assert growth.peak(chunk) == pytest.approx(measure(steps, chunk).peak, rel=0.1)


def test_a_chunk_near_the_budget_is_measured_unless_there_are_too_many_steps_for_python() -> None:
    def chunks_run(events: int) -> list[int | None]:
        sizes: list[int | None] = []

        def measure(steps: int, chunk: int | None = None) -> Usage:
            sizes.append(chunk)
            return Usage(0, 100 * (chunk or steps), 100 * (chunk or steps), events * steps)

        growth = Growth(measure, 10**6, input_gradient=0, gradients=0, blocks=False, budget=3000)
        growth.peak(30)
        growth.refine(30)
        return sizes

    assert 30 in chunks_run(events=1)
    assert 30 not in chunks_run(events=2000)
