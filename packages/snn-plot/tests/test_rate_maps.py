"""rate_maps: a pixel of a channel's map is the rate of its neuron."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from snn_plot import rate_maps

# Three channels of one row and two columns, over four steps.
SPK = torch.tensor([[[1, 0]], [[0, 0]], [[1, 1]]]).expand(4, 3, 1, 2).clone()
SPK[2:, 0] = 0


def sheet(ax):
    return ax.images[0].get_array()


@pytest.mark.usefixtures("untouched")
def test_maps_stand_side_by_side_with_a_gap(ax):
    assert rate_maps(SPK, ax=ax, columns=2) is ax
    assert sheet(ax).filled(-1).tolist() == [[0.5, 0, -1, 0, 0], [-1] * 5, [1, 1, -1, -1, -1]]
    assert ax.images[0].get_clim() == (0, 1)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["0", "2"]
    assert (ax.get_xticks().tolist(), ax.get_yticks().tolist()) == ([0.5, 3.5], [0, 2])
    assert ax.child_axes[0].get_ylabel() == "Firing rate (spikes per step)"


def test_a_step_in_seconds_gives_hertz(ax):
    rate_maps(SPK, ax=ax, columns=3, dt=0.01)
    assert sheet(ax).compressed().tolist() == [50, 0, 0, 0, 100, 100]
    assert ax.child_axes[0].get_ylabel() == "Firing rate (Hz)"


@pytest.mark.exhaustive
@given(
    arrays(bool, array_shapes(min_dims=4, max_dims=4, max_side=5), elements=st.booleans()),
    st.none() | st.integers(1, 9),
)
def test_every_neuron_has_its_place(spk, columns):
    ax = rate_maps(spk, ax=Figure().subplots(), columns=columns)
    num_steps, channels, height, width = spk.shape
    in_a_row = len(ax.get_xticks())
    assert len(ax.get_yticks()) == math.ceil(channels / in_a_row)
    for channel in range(channels):
        top, left = channel // in_a_row * (height + 1), channel % in_a_row * (width + 1)
        tile = sheet(ax)[top : top + height, left : left + width]
        np.testing.assert_allclose(tile * num_steps, spk[:, channel].sum(axis=0))
    assert sheet(ax).count() == channels * height * width


def test_without_a_number_of_columns_the_sheet_is_about_square(ax):
    rate_maps(torch.ones(1, 12, 3, 9), ax=ax)
    assert sheet(ax).shape == (6 * 4 - 1, 2 * 10 - 1)


def test_any_value_other_than_zero_is_one_spike(ax):
    rate_maps(torch.tensor([0.3, -2.0, 0.0, 0.0], dtype=torch.bfloat16).reshape(4, 1, 1, 1), ax=ax)
    assert sheet(ax).tolist() == [[0.5]]


def test_a_silent_layer_has_the_color_of_no_spikes(ax):
    rate_maps(torch.zeros(4, 2, 3, 3), ax=ax, dt=0.5)
    assert ax.images[0].get_clim() == (0, 2)


def test_the_artist_and_the_scale_are_the_users(ax):
    rate_maps(SPK, ax=ax, cmap="magma", norm=LogNorm(0.1, 1), colorbar=False)
    assert ax.images[0].get_cmap().name == "magma"
    assert isinstance(ax.images[0].norm, LogNorm)
    assert ax.child_axes == []


@pytest.mark.parametrize("columns", [0, -1, 1.5])
def test_a_row_of_no_whole_map_is_refused(columns, ax):
    with pytest.raises(ValueError, match="columns must be a whole number of 1 or more"):
        rate_maps(SPK, ax=ax, columns=columns)
    assert not ax.has_data()


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2), (2, 2, 3, 1, 2), (4, 0, 3, 3)])
def test_a_recording_of_another_shape_is_refused(shape, ax):
    with pytest.raises(ValueError, match=r"\[time, channel, height, width\].*take one sample of the batch"):
        rate_maps(torch.zeros(shape), ax=ax)
