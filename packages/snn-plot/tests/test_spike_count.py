"""spike_count: the bars are the counts, as a picture and as an animation."""

from __future__ import annotations

import inspect

import matplotlib.pyplot as plt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure
from PIL import Image

from snn_plot import spike_count

# 4, 0 and 2 spikes in 5 steps
SPK = torch.tensor([[1, 0, 0], [1, 0, 1], [0, 0, 0], [1, 0, 1], [1, 0, 0]])


def widths(ax):
    return [bar.get_width() for bar in ax.containers[0]]


@pytest.mark.usefixtures("untouched")
def test_the_peers_call_draws_the_counts_on_the_given_axes(ax):
    assert spike_count(SPK, ax.figure, ax, ["a", "b", "c"]) is ax
    assert widths(ax) == [4, 0, 2]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b", "c"]
    assert [text.get_text() for text in ax.texts] == ["4", "0", "2"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Spikes in 5 steps", "Label")


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.booleans()))
def test_every_bar_is_the_sum_of_its_neuron(spk):
    assert widths(spike_count(spk, ax=Figure().subplots())) == spk.sum(axis=0).tolist()


def test_without_axes_the_current_ones_are_drawn_on():
    current = plt.figure().subplots()
    assert spike_count(SPK) is current
    assert current.get_ylabel() == "Neuron"


def test_with_a_figure_alone_its_current_axes_are_drawn_on(ax):
    assert spike_count(SPK, ax.figure) is ax.figure.axes[1]


def test_num_steps_counts_the_first_steps_only(ax):
    spike_count(SPK, ax.figure, ax, list("abc"), num_steps=2)
    assert widths(ax) == [2, 0, 1]


@pytest.mark.parametrize("name", ["time_step", "dt"])
def test_the_time_counted_over_is_in_seconds(ax, name):
    spike_count(SPK, ax=ax, **{name: 1e-3})
    assert ax.get_xlabel() == "Spikes in 0.005 s"


def test_graded_and_negative_spikes_count_once(ax):
    spike_count(torch.tensor([[0.3, -1.0], [2.0, 0.0]], requires_grad=True), ax=ax)
    assert widths(ax) == [2, 1]


def test_half_precision_counts_stay_exact_beyond_2048(ax):
    spike_count(torch.ones(3001, 1, dtype=torch.bfloat16), ax=ax)
    assert widths(ax) == [3001]


def test_time_may_come_second(ax):
    spike_count(SPK.T.tolist(), ax=ax, time_first=False)
    assert widths(ax) == [4, 0, 2]


def test_every_second_neuron_is_shaded_unless_switched_off(ax):
    spike_count(SPK, ax=ax)
    assert len(ax.patches) == 3 + 1
    plain = spike_count(SPK, ax=ax.figure.axes[1], gridshader=False, color="k")
    assert len(plain.patches) == 3
    assert plain.patches[0].get_facecolor() == (0, 0, 0, 1)


def test_many_neurons_are_not_written_over_each_other(ax):
    spike_count(torch.ones(5, 30), ax=ax)
    assert len(ax.texts) == 0
    assert len(ax.get_yticks()) < 20


def test_a_silent_recording_is_drawn(ax):
    spike_count(torch.zeros(5, 3), ax=ax)
    assert widths(ax) == [0, 0, 0]
    assert ax.get_xlim()[1] > 0


def test_the_animation_grows_the_same_bars_to_the_full_counts(tmp_path):
    figure, ax = plt.subplots(figsize=(2, 1.5))
    animation = spike_count(SPK, figure, ax, list("abc"), animate=True, interpolate=2)
    assert isinstance(animation, FuncAnimation)
    children = len(ax.get_children())
    frames = []

    def record(frame, total):
        frames.append((widths(ax), list(ax.lines[0].get_xdata())))

    animation.save(tmp_path / "count.gif", writer="pillow", progress_callback=record)
    with Image.open(tmp_path / "count.gif") as film:
        assert film.n_frames == 5 * 2 + 1
    # two frames a step: frame 5 lies between the second and the third step
    assert [frames[frame] for frame in (0, 5, 10)] == [
        ([0, 0, 0], [0, 0]),
        ([2, 0, 1], [2.5, 2.5]),
        ([4, 0, 2], [5, 5]),
    ]
    assert len(ax.get_children()) == children
    assert ax.get_xlim() == (0, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ["a"]}, "one label for each of 3"),
        ({"num_steps": 6}, "num_steps must be 1 to 5 whole steps, the length of data, got 6"),
        ({"num_steps": -1}, "num_steps must be 1 to 5 whole steps, the length of data, got -1"),
        ({"dt": 0.0}, "dt must be greater than 0, in seconds"),
        ({"dt": 1e-3, "time_step": 1e-3}, "same quantity"),
        ({"interpolate": 0}, "1 frame per step"),
        ({"fig": Figure()}, "ax must be in fig"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_drawn(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        spike_count(SPK, ax=ax, **arguments)
    assert not ax.has_data()


@pytest.mark.parametrize("shape", [(5,), (5, 7, 3)])
def test_a_wrong_shape_is_refused_with_the_expected_one(ax, shape):
    with pytest.raises(ValueError, match=r"shape \[time, neuron\]"):
        spike_count(torch.ones(shape), ax=ax)


def test_the_peers_call_form_is_kept():
    positional = list(inspect.signature(spike_count).parameters)[:10]
    assert positional[:4] == ["data", "fig", "ax", "labels"]
    assert positional[4:] == ["num_steps", "animate", "interpolate", "gridshader", "interval", "time_step"]
