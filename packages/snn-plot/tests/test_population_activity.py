"""population_activity: the share of the neurons that fire."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from snn_plot import population_activity

SPK = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]])


def outline(ax):
    (steps,) = ax.patches
    values, edges, _ = steps.get_data()
    return values.tolist(), edges.tolist()


@pytest.mark.usefixtures("untouched")
def test_a_step_of_the_line_is_the_share_of_neurons_that_fired(ax):
    assert population_activity(SPK, ax=ax) is ax
    assert outline(ax) == ([0.75, 0, 0.25, 1, 0.25], [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time step", "Activity (spikes per neuron and step)")


def test_a_window_averages_over_its_steps_and_the_last_over_what_is_left(ax):
    population_activity(SPK.T, ax=ax, time_first=False, window=3, dt=0.5)
    assert outline(ax)[0] == pytest.approx([2 / 3, 1.25])
    assert outline(ax)[1] == [-0.25, 1.25, 2.25]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (s)", "Population activity (Hz)")


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.booleans()))
def test_over_the_whole_recording_it_is_the_mean(spk):
    ax = population_activity(spk, ax=Figure().subplots(), window=len(spk))
    assert outline(ax)[0] == pytest.approx([spk.mean()])


def test_the_axis_starts_at_no_activity_and_the_line_does_not_fall_to_it(ax):
    population_activity(torch.ones(5, 3), ax=ax)
    assert ax.get_ylim()[0] == 0
    assert set(ax.patches[0].get_path().vertices[:, 1].tolist()) == {1}


def test_two_populations_may_share_the_axes(ax):
    population_activity(SPK[:, :2], ax=ax, label="left")
    population_activity(SPK[:, 2:], ax=ax, label="right", color="k", linewidth=3)
    first, second = ax.patches
    assert (first.get_label(), second.get_label()) == ("left", "right")
    assert to_hex(second.get_edgecolor()) == "#000000"
    assert second.get_linewidth() == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"window": 6}, "window must be 1 to 5 whole steps"), ({"dt": 0}, "dt must be greater than 0, in seconds")],
)
def test_bad_arguments_are_refused_and_nothing_is_drawn(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        population_activity(SPK, ax=ax, **arguments)
    assert not ax.has_data()
