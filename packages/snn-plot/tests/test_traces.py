"""traces: membranes over time, on one axes or in a grid."""

from __future__ import annotations

import inspect

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from snn_plot import traces

MEM = torch.tensor([[0.5, 0.1], [1.2, 0.2], [0.3, 1.5], [1.1, 0.4], [0.2, 0.5]], dtype=torch.float64)
SPK = (MEM > 1).float()


def points(line):
    return line.get_xdata().tolist(), np.asarray(line.get_ydata()).round(6).tolist()


@pytest.mark.usefixtures("untouched")
def test_one_axes_shows_a_line_a_neuron_and_a_marker_a_spike(ax):
    assert traces(MEM, SPK, ax=ax, dt=0.5) is ax
    first, first_spikes, second, second_spikes = ax.lines
    assert points(first) == ([0, 0.5, 1, 1.5, 2], [0.5, 1.2, 0.3, 1.1, 0.2])
    assert points(first_spikes) == ([0.5, 1.5], [1.2, 1.1])
    assert points(second)[1] == [0.1, 0.2, 1.5, 0.4, 0.5]
    assert points(second_spikes) == ([1.0], [1.5])
    assert first.get_color() == first_spikes.get_color() != second.get_color()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time (s)", "Membrane potential")


def test_without_spikes_there_are_only_the_traces(ax):
    traces(MEM, ax=ax)
    assert len(ax.lines) == 2
    assert ax.get_legend() is None


def test_the_threshold_is_a_line_across_the_axes(ax):
    traces(MEM[:, 0], ax=ax, threshold=1.25)
    assert list(ax.lines[-1].get_ydata()) == [1.25, 1.25]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Threshold"]


def test_labels_name_the_traces(ax):
    traces(MEM.T, ax=ax, time_first=False, labels=["a", "b"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_membranes_that_need_grad_in_half_precision_are_drawn(ax):
    traces(list(MEM.bfloat16().requires_grad_()), list(SPK.half()), ax=ax, color="k", linewidth=3)
    assert ax.lines[0].get_color() == "k"
    assert ax.lines[0].get_linewidth() == 3
    assert len(ax.lines[0].get_ydata()) == 5


def test_a_membrane_that_diverged_is_drawn_with_a_gap(ax):
    traces([0.5, float("nan"), 1.0], ax=ax)
    assert np.isnan(ax.lines[0].get_ydata()).tolist() == [False, True, False]


def test_up_to_seven_traces_go_on_the_current_axes():
    current = plt.figure().subplots()
    assert traces(torch.zeros(5, 7)) is current
    assert len({line.get_color() for line in current.lines}) == 7


def test_more_traces_on_given_axes_still_differ_in_color(ax):
    traces(torch.zeros(3, 11), ax=ax)
    assert len({tuple(line.get_color()) for line in ax.lines}) == 11


def test_nine_traces_fill_a_three_by_three_grid_of_the_current_figure():
    figure = plt.figure()
    other = plt.figure()
    plt.figure(figure.number)
    axes = traces(torch.arange(90.0).reshape(10, 9))
    assert axes.shape == (3, 3)
    assert list(axes.flat) == figure.axes
    assert [each.lines[0].get_ydata()[0] for each in axes.flat] == list(range(9))
    assert other.axes == []


@pytest.mark.parametrize(
    ("neurons", "titles", "shape"),
    [
        (1, ["a"], (1, 1)),
        (2, ["a"], (2, 1)),
        (5, ["a"], (1, 5)),
        (6, ["a"], (2, 3)),
        (8, None, (2, 4)),
        (8, ["a"], (2, 4)),
        (11, None, (3, 3)),
    ],
)
def test_a_grid_without_dim_fits_the_number_of_traces(neurons, titles, shape):
    axes = traces(torch.arange(2.0 * neurons).reshape(2, neurons), titles=titles)
    assert axes.shape == shape
    assert [each.lines[0].get_ydata()[0] for each in axes.flat] == list(range(min(neurons, 9)))


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.bool])
def test_spikes_of_any_dtype_ride_at_any_height(kind):
    axes = traces(MEM, SPK.to(kind), (1, 2), 300)
    assert points(axes[0, 0].lines[0])[1] == [0.5, 301.2, 0.3, 301.1, 0.2]


def test_in_the_grid_spikes_ride_on_the_trace_at_their_height():
    axes = traces(MEM, SPK, (1, 2), 5)
    assert points(axes[0, 0].lines[0])[1] == [0.5, 6.2, 0.3, 6.1, 0.2]
    assert points(axes[0, 1].lines[0])[1] == [0.1, 0.2, 6.5, 0.4, 0.5]


def test_the_grid_shares_its_y_axis_and_carries_titles_and_the_threshold():
    axes = traces(MEM.repeat(1, 3), dim=(2, 3), titles=["one", "two"], threshold=1.0, dt=1e-3)
    assert [each.get_title() for each in axes.flat] == ["one", "two", "", "", "", ""]
    assert all(list(each.lines[1].get_ydata()) == [1, 1] for each in axes.flat)
    axes[1, 2].set_ylim(-3, 4)
    assert axes[0, 0].get_ylim() == (-3, 4)
    assert axes[1, 0].get_xlabel() == "Time (s)"
    assert axes[0, 0].get_ylabel() == "Membrane"


def test_a_grid_smaller_than_the_data_shows_the_first_neurons():
    axes = traces(torch.arange(12.0).reshape(3, 4), dim=(1, 2))
    assert [each.lines[0].get_ydata().tolist() for each in axes.flat] == [[0, 4, 8], [1, 5, 9]]


@pytest.mark.parametrize("dim", [(2, 2), (0, 1)])
def test_a_grid_that_the_data_cannot_fill_is_refused(dim):
    with pytest.raises(ValueError, match=r"a grid of \d by \d needs"):
        traces(MEM, dim=dim)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("number", [2.0, torch.tensor(2), torch.tensor(2.0)], ids=repr)
def test_the_grid_has_whole_rows_and_columns_of_any_kind(number):
    axes = traces(torch.rand(5, 4), dim=(number, number))
    assert axes.shape == (2, 2)
    assert [each.lines[0].get_ydata().shape for each in axes.flat] == [(5,)] * 4


def test_axes_and_a_grid_at_once_are_refused(ax):
    with pytest.raises(ValueError, match="leave out ax"):
        traces(MEM, dim=(1, 2), ax=ax)


def test_spikes_of_another_shape_are_refused(ax):
    with pytest.raises(ValueError, match=r"\[5, 2\], got \[4, 2\]"):
        traces(MEM, SPK[:4], ax=ax)
    assert not ax.has_data()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dt": -1.0}, "dt must be greater than 0, in seconds"),
        ({"labels": "abc"}, "one label for each of 2"),
        ({"spk_height": "high"}, "spk_height must be a finite number in the unit of data"),
    ],
)
def test_bad_arguments_are_refused(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        traces(MEM, ax=ax, **arguments)


def test_a_batch_of_membranes_is_refused():
    with pytest.raises(ValueError, match=r"\[time, neuron\] or \[time\], got \[5, 7, 3\]"):
        traces(torch.zeros(5, 7, 3), ax=Figure().subplots())


def test_the_peers_call_form_is_kept():
    parameters = list(inspect.signature(traces).parameters.values())
    assert [p.name for p in parameters[:5]] == ["data", "spk", "dim", "spk_height", "titles"]
    assert parameters[3].default == 5
