"""raster: one mark a spike, at its step and its neuron."""

from __future__ import annotations

import inspect
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from snn_plot import raster

# Three spikes: neuron 2 at step 0, neuron 0 at step 1, neuron 2 at step 3; neuron 1 is silent.
SPK = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]])


def marks(ax):
    (artist,) = ax.collections
    return artist.get_offsets().tolist()


@pytest.mark.usefixtures("untouched")
def test_marks_lie_at_step_and_neuron_on_the_given_axes(ax):
    assert raster(SPK, ax) is ax
    assert marks(ax) == [[0, 2], [1, 0], [3, 2]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time step", "Neuron")


def test_without_axes_the_current_ones_are_drawn_on():
    current = plt.figure().subplots(1, 2)[0]
    plt.sca(current)
    assert raster(SPK) is current
    assert len(plt.get_fignums()) == 1


def test_axes_may_be_passed_by_name_and_time_counted_in_seconds(ax):
    raster(SPK.T, ax=ax, time_first=False, dt=0.5)
    assert marks(ax) == [[0, 2], [0.5, 0], [1.5, 2]]
    assert ax.get_xlabel() == "Time (s)"


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.booleans()))
def test_there_are_as_many_marks_as_spikes(spk):
    ax = raster(spk, Figure().subplots())
    assert len(ax.collections[0].get_offsets()) == spk.sum()


def test_every_value_other_than_zero_is_a_spike(ax):
    raster(torch.tensor([0.0, 0.3, -1.0, 2.0]), ax)
    assert marks(ax) == [[1, 0], [2, 0], [3, 0]]


def test_spikes_that_need_grad_and_lists_of_steps_are_drawn(ax):
    spk = SPK.to(torch.bfloat16).requires_grad_()
    raster(list(spk), ax)
    assert marks(ax) == [[0, 2], [1, 0], [3, 2]]
    assert spk.grad is None


def test_the_axes_span_the_whole_recording_with_its_silent_ends(ax):
    raster(SPK, ax)
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    assert left < 0
    assert right > 4
    assert bottom < 0
    assert top > 2


def test_a_recording_without_spikes_is_drawn_empty_at_its_size(ax):
    raster(torch.zeros(50, 7), ax)
    assert marks(ax) == []
    assert ax.get_xlim()[1] > 49


def test_the_limits_that_the_user_set_stay(ax):
    ax.set_xlim(1, 2)
    raster(SPK, ax)
    assert ax.get_xlim() == (1, 2)


def test_the_labels_and_ticks_that_the_user_set_stay(ax):
    ax.set(xlabel="My time", ylabel="My neurons", xticks=[0, 2.5])
    raster(SPK, ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("My time", "My neurons")
    assert ax.get_xticks().tolist() == [0, 2.5]


def test_labels_name_the_rows(ax):
    raster(SPK, ax, labels=["a", "b", "c"])
    assert [(tick.get_position()[1], tick.get_text()) for tick in ax.get_yticklabels()] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
    ]


def test_order_moves_the_neurons_with_their_labels(ax):
    raster(SPK, ax, labels=["a", "b", "c"], order=torch.tensor([2, 0, 1]))
    assert marks(ax) == [[0, 0], [1, 1], [3, 0]]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["c", "a", "b"]


def test_order_without_labels_writes_the_neurons_index_at_its_row(ax):
    raster(SPK, ax, order=[2, 0, 1])
    name = ax.yaxis.get_major_formatter()
    assert [name(row, None) for row in (-1, 0, 1, 2, 3)] == ["", "2", "0", "1", ""]


def test_scatter_arguments_reach_the_marks(ax):
    raster(SPK, ax, s=1.5, c="tab:red", alpha=0.5)
    (artist,) = ax.collections
    assert artist.get_sizes().tolist() == [1.5]
    assert to_hex(artist.get_facecolor()[0]) == "#d62728"
    assert artist.get_alpha() == 0.5


@pytest.mark.parametrize("name", ["facecolor", "facecolors", "fc"])
def test_every_name_of_the_color_of_the_marks_wins_over_the_default(ax, name):
    raster(SPK, ax, marker="o", **{name: "#d62728"})
    (artist,) = ax.collections
    assert [to_hex(color) for color in artist.get_facecolor()] in (["#d62728"], ["#d62728"] * 3)


@pytest.mark.parametrize("name", ["edgecolor", "edgecolors", "ec"])
def test_every_name_of_the_edges_of_the_marks_wins_over_the_default(ax, name):
    raster(SPK, ax, marker="o", **{name: "#d62728"})
    (artist,) = ax.collections
    assert {to_hex(color) for color in artist.get_edgecolor()} == {"#d62728"}


@pytest.mark.parametrize(("spikes", "rasterised"), [(5000, False), (5001, True)])
def test_above_five_thousand_spikes_one_artist_is_stored_as_pixels(ax, spikes, rasterised):
    spk = np.zeros(6000, dtype=bool)
    spk[:spikes] = True
    raster(spk.reshape(100, 60), ax)
    (artist,) = ax.get_children()[:1]
    assert artist is ax.collections[0]
    assert bool(artist.get_rasterized()) is rasterised
    assert not ax.lines


def test_a_large_raster_makes_a_small_vector_file():
    figure = Figure()
    raster(torch.rand(400, 200, generator=torch.Generator().manual_seed(0)) < 0.5, figure.subplots())
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    # 40,000 marks as vectors take more than 3 MB
    assert len(file.getvalue()) < 600_000


@pytest.mark.parametrize("shape", [(5, 7, 3), (), (0, 3)])
def test_a_wrong_shape_is_refused_and_nothing_is_drawn(ax, shape):
    with pytest.raises(ValueError, match=r"\[time, neuron\] or \[time\]"):
        raster(torch.ones(shape), ax)
    assert not ax.has_data()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dt": 0}, "dt must be greater than 0, in seconds"),
        ({"dt": float("inf")}, "dt must be greater than 0, in seconds"),
        ({"labels": ["a"]}, "one label for each of 3"),
        ({"order": [0, 1]}, "each neuron from 0 to 2 once"),
        ({"order": [0, 1, 1]}, "each neuron from 0 to 2 once"),
        ({"order": [0.0, 1.0, 2.0]}, "each neuron from 0 to 2 once"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_drawn(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        raster(SPK, ax, **arguments)
    assert not ax.has_data()


def test_a_figure_in_place_of_axes_is_refused():
    with pytest.raises(TypeError, match="ax must be matplotlib Axes or None, got Figure"):
        raster(SPK, Figure())


def test_the_peers_call_form_is_kept():
    assert list(inspect.signature(raster).parameters)[:2] == ["data", "ax"]
