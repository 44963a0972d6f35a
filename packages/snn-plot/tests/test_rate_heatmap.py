"""rate_heatmap: a cell is the number of spikes over the time it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from snn_plot import rate_heatmap

# Neuron 0 fires in steps 0, 1 and 4, neuron 1 in step 2.
SPK = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 0], [1, 0]])


def cells(ax):
    (mesh,) = ax.collections
    return mesh.get_array().tolist()


def edges(ax):
    corners = ax.collections[0].get_coordinates()
    return corners[0, :, 0].tolist(), corners[:, 0, 1].tolist()


@pytest.mark.usefixtures("untouched")
def test_a_cell_is_the_rate_of_its_neuron_and_the_short_last_one_too(ax):
    assert rate_heatmap(SPK, ax=ax, window=2) is ax
    assert cells(ax) == [[1, 0, 1], [0, 0.5, 0]]
    assert edges(ax) == ([-0.5, 1.5, 3.5, 4.5], [-0.5, 0.5, 1.5])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Time step", "Neuron")
    assert ax.child_axes[0].get_ylabel() == "Firing rate (spikes per step)"


def test_a_step_in_seconds_gives_hertz(ax):
    rate_heatmap(SPK.T, ax=ax, time_first=False, window=2, dt=0.5)
    assert cells(ax) == [[2, 0, 2], [0, 1, 0]]
    assert edges(ax)[0] == [-0.25, 0.75, 1.75, 2.25]
    assert ax.get_xlabel() == "Time (s)"
    assert ax.child_axes[0].get_ylabel() == "Firing rate (Hz)"


@pytest.mark.exhaustive
@given(
    arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.booleans()),
    st.integers(1, 7),
    st.sampled_from([None, 0.001]),
)
def test_rates_times_durations_are_the_number_of_spikes(spk, window, dt):
    window = min(window, len(spk))
    ax = rate_heatmap(spk, ax=Figure().subplots(), window=window, dt=dt)
    durations = np.diff(edges(ax)[0])
    np.testing.assert_allclose(np.array(cells(ax)) @ durations, spk.sum(axis=0), rtol=1e-12, atol=1e-12)


def test_any_value_other_than_zero_is_one_spike(ax):
    rate_heatmap(torch.tensor([[0.3], [-2.0], [0.0], [0.0]], dtype=torch.bfloat16), ax=ax, window=4)
    assert cells(ax) == [[0.5]]


@pytest.mark.parametrize(("num_steps", "stretches"), [(1, 1), (7, 7), (50, 50), (51, 26), (1000, 50)])
def test_without_a_window_there_are_at_most_fifty_stretches(ax, num_steps, stretches):
    rate_heatmap(torch.ones(num_steps, 3), ax=ax)
    assert cells(ax) == [[1.0] * stretches] * 3


def test_order_moves_the_neurons_with_their_names(ax):
    rate_heatmap(SPK, ax=ax, window=5, order=[1, 0], labels=["a", "b"])
    assert cells(ax) == [[0.2], [0.6]]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["b", "a"]


def test_order_without_labels_writes_the_index_at_its_row(ax):
    rate_heatmap(SPK, ax=ax, window=5, order=[1, 0])
    name = ax.yaxis.get_major_formatter()
    assert [name(row, None) for row in (-1, 0, 1, 2)] == ["", "1", "0", ""]


def test_the_scale_starts_at_zero_and_ends_at_the_largest_rate_or_the_argument(ax):
    rate_heatmap(SPK, ax=ax, window=2)
    assert ax.collections[0].get_clim() == (0, 1)
    other = ax.figure.axes[1]
    rate_heatmap(SPK, ax=other, window=2, vmax=0.25, cmap="magma", colorbar=False)
    assert other.collections[0].get_clim() == (0, 0.25)
    assert other.collections[0].get_cmap().name == "magma"
    assert other.child_axes == []


def test_a_silent_recording_has_the_color_of_zero(ax):
    rate_heatmap(torch.zeros(5, 3), ax=ax, dt=0.1)
    mesh = ax.collections[0]
    assert mesh.get_clim() == (0, 10)
    assert mesh.to_rgba(0.0) == mesh.get_cmap()(0.0)


def test_a_scale_of_the_users_is_taken(ax):
    norm = LogNorm(0.1, 1)
    rate_heatmap(SPK, ax=ax, norm=norm)
    assert ax.collections[0].norm is norm


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 0}, "window must be 1 to 5 whole steps"),
        ({"window": 6}, "window must be 1 to 5 whole steps, the length of data, got 6"),
        ({"window": 1.5}, "window must be 1 to 5 whole steps"),
        ({"dt": -1.0}, "dt must be greater than 0, in seconds"),
        ({"labels": ["a"]}, "one label for each of 2"),
        ({"order": [0, 0]}, "each neuron from 0 to 1 once"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_drawn(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        rate_heatmap(SPK, ax=ax, **arguments)
    assert not ax.has_data()
