"""rate_histogram: every neuron is in one bar, the dead and the saturated ones in bars of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from snn_plot import rate_histogram

RATES = torch.tensor([0.0, 0.0, 0.1, 0.25, 0.3, 0.9, 1.0], dtype=torch.float64)


def stairs(ax):
    counts, edges, _ = ax.patches[0].get_data()
    return counts.tolist(), edges.tolist()


def beside(ax):
    """Left border, width, height and color of the bars of the dead and of the saturated neurons."""
    return [(bar.get_x(), bar.get_width(), bar.get_height(), to_hex(bar.get_facecolor())) for bar in ax.patches[1:]]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


@pytest.mark.usefixtures("untouched")
def test_dead_and_saturated_neurons_are_beside_the_others(ax):
    assert rate_histogram(RATES, ax=ax, bins=4) is ax
    assert stairs(ax) == ([1, 2, 0, 1], [0, 0.25, 0.5, 0.75, 1])
    assert beside(ax) == [(-0.25, 0.25, 2, "#d55e00"), (1, 0.25, 1, "#e69f00")]
    assert legend(ax) == ["2 dead: never fire", "1 saturated: fires all the time"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Firing rate (spikes per step)", "Number of neurons")


def test_a_step_in_seconds_gives_hertz(ax):
    rate_histogram(RATES, ax=ax, bins=4, dt=0.001)
    assert stairs(ax) == ([1, 2, 0, 1], [0, 250, 500, 750, 1000])
    assert beside(ax)[0][:2] == (-250, 250)
    assert ax.get_xlabel() == "Firing rate (Hz)"


def test_a_layer_in_which_all_neurons_work_has_no_legend(ax):
    rate_histogram([0.25, 0.5], ax=ax, bins=2)
    assert stairs(ax) == ([0, 2], [0, 0.25, 0.5])
    assert beside(ax) == []
    assert legend(ax) == []


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ([0.0], ["1 dead: never fires"]),
        ([0.0, 0.0, 0.0], ["3 dead: never fire"]),
        ([1.0, 1.0], ["2 saturated: fire all the time"]),
    ],
)
def test_a_layer_without_a_working_neuron_is_drawn(rates, words, ax):
    rate_histogram(rates, ax=ax)
    assert sum(stairs(ax)[0]) == 0
    assert legend(ax) == words
    ax.figure.canvas.draw()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_user_says_from_when_a_neuron_counts_as_saturated(dtype, ax):
    rate_histogram(RATES.to(dtype), ax=ax, saturated=0.9)
    assert legend(ax)[1] == "2 saturated: fire all the time"


@given(
    arrays(np.float64, array_shapes(min_dims=1, max_dims=3, max_side=6), elements=st.floats(0, 1, width=16)),
    st.none() | st.integers(1, 9),
)
def test_every_neuron_is_in_one_bar(rates, bins):
    ax = rate_histogram(rates, ax=Figure().subplots(), bins=bins)
    counts, edges = stairs(ax)
    assert sum(counts) + sum(bar[2] for bar in beside(ax)) == rates.size
    assert len(counts) == (bins or 25)
    working = [rate for rate in rates.ravel().tolist() if 0 < rate < 1]
    for count, left, right in zip(counts, edges, edges[1:], strict=False):
        # the last bar holds its right border too
        assert count == sum(left <= rate < right or (rate == right == edges[-1]) for rate in working)


def test_the_artist_is_the_users(ax):
    rate_histogram(RATES, ax=ax, color="#009E73")
    assert to_hex(ax.patches[0].get_facecolor()) == "#009e73"


@pytest.mark.parametrize(
    ("rates", "options", "message"),
    [
        ([0.2, 1.5], {}, r"rates must be spikes per step in \[0, 1\], got 1\.5\. Fix: divide counts"),
        ([-0.5], {}, "got -0.5"),
        ([0.2], {"bins": 0}, "bins must be a whole number of 1 or more, got 0"),
        ([0.2], {"bins": 2.5}, "got 2.5"),
        ([0.2], {"dt": 0}, "dt must be greater than 0, in seconds"),
        ([0.2], {"saturated": 0}, r"saturated must be in \(0, 1\], in spikes per step, got 0"),
        ([0.2], {"saturated": float("nan")}, "got nan"),
    ],
)
def test_invalid_rates_and_options_are_refused(rates, options, message, ax):
    with pytest.raises(ValueError, match=message):
        rate_histogram(rates, ax=ax, **options)
    assert not ax.has_data()
