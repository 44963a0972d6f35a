"""isi_histogram: the intervals between spikes, each counted once in a bar of whole steps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from snn_plot import isi_histogram

# Neuron 0 fires in steps 0, 2 and 3, neuron 1 in steps 1 and 5, neuron 2 once.
SPK = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 1, 0]])


def outline(ax):
    (bars,) = ax.patches
    counts, edges, _ = bars.get_data()
    return counts.tolist(), edges.tolist()


@pytest.mark.usefixtures("untouched")
def test_intervals_are_those_of_one_neuron_to_its_next_spike(ax):
    assert isi_histogram(SPK, ax=ax) is ax
    assert outline(ax) == ([1, 1, 0, 1], [0.5, 1.5, 2.5, 3.5, 4.5])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Interval between spikes (steps)", "Number of intervals")


def test_a_step_in_seconds_scales_the_axis_only(ax):
    isi_histogram(SPK.T, ax=ax, time_first=False, dt=0.5)
    assert outline(ax) == ([1, 1, 0, 1], [0.25, 0.75, 1.25, 1.75, 2.25])
    assert ax.get_xlabel() == "Interval between spikes (s)"


def by_hand(spk):
    """The intervals, step by step."""
    intervals = []
    for neuron in range(spk.shape[1]):
        last = None
        for step in range(spk.shape[0]):
            if spk[step, neuron]:
                if last is not None:
                    intervals.append(step - last)
                last = step
    return intervals


@given(
    arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans()),
    st.none() | st.integers(1, 9),
)
def test_every_interval_is_in_the_bar_that_holds_it(spk, bins):
    ax = isi_histogram(spk, ax=Figure().subplots(), bins=bins)
    intervals = by_hand(spk)
    if not intervals:
        assert [text.get_text() for text in ax.texts] == ["no neuron fired twice"]
        assert not ax.patches
        return
    counts, edges = outline(ax)
    assert counts == [sum(low < interval < high for interval in intervals) for low, high in itertools.pairwise(edges)]
    assert sum(counts) == len(intervals)
    assert len(counts) <= (bins or 50)
    widths = set(np.diff(edges))
    assert len(widths) == 1
    assert widths.pop() % 1 == 0


def test_bars_of_several_steps_leave_no_gaps(ax):
    # intervals of 1 to 200 steps, each once
    spk = torch.zeros(200 * 201 // 2 + 1)
    spk[torch.arange(201).cumsum(0)] = 1
    isi_histogram(spk, ax=ax)
    assert outline(ax)[0] == [4] * 50


def test_a_silent_recording_says_so(ax):
    isi_histogram(torch.zeros(5, 3), ax=ax)
    assert [text.get_text() for text in ax.texts] == ["no neuron fired twice"]
    assert ax.get_xlabel() == "Interval between spikes (steps)"


def test_arguments_of_the_artist_are_passed_on(ax):
    isi_histogram(SPK, ax=ax, color="k", label="mine")
    (bars,) = ax.patches
    assert to_hex(bars.get_facecolor()) == "#000000"
    assert bars.get_label() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bins": 0}, "bins must be a whole number of 1 or more"),
        ({"bins": 2.5}, "bins must be a whole number of 1 or more"),
        ({"dt": float("nan")}, "dt must be greater than 0, in seconds"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_drawn(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        isi_histogram(SPK, ax=ax, **arguments)
    assert not ax.has_data()
