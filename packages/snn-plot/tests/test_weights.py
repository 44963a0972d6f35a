"""weights: every weight at its place, on a scale that is symmetric about 0."""

from __future__ import annotations

import matplotlib
import pytest
import torch
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from snn_plot import weights


@pytest.mark.usefixtures("untouched")
def test_a_row_is_an_output_and_a_column_an_input(ax):
    weight = torch.tensor([[0.5, -2.0, 0.0], [1.0, 0.25, -0.5]], requires_grad=True)
    assert weights(weight, ax=ax) is ax
    (image,) = ax.images
    assert image.get_array().tolist() == weight.tolist()
    assert image.get_clim() == (-2, 2)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Input neuron", "Output neuron")
    assert ax.child_axes[0].get_ylabel() == "Weight"


def test_the_first_output_is_at_the_top_in_any_style():
    with matplotlib.rc_context({"image.origin": "lower"}):
        ax = weights(torch.eye(3), ax=Figure().subplots())
    assert ax.get_ylim() == (2.5, -0.5)


def test_a_kernel_is_a_tile_at_its_output_and_input_channel(ax):
    weight = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    weights(weight, ax=ax)
    pixels = ax.images[0].get_array()
    assert pixels.shape == (3 * 4, 2 * 5)
    for out in range(3):
        for into in range(2):
            tile = pixels[4 * out : 4 * out + 4, 5 * into : 5 * into + 5]
            assert tile.tolist() == weight[out, into].tolist()
    assert ax.get_xticks().tolist() == [2, 7]
    assert ax.get_yticks().tolist() == [1.5, 5.5, 9.5]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["0", "1", "2"]
    assert [line.get_xdata()[0] for line in ax.lines[:1]] == [4.5]
    assert [line.get_ydata()[0] for line in ax.lines[1:]] == [3.5, 7.5]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Input channel", "Output channel")


def test_zero_is_white_also_where_all_weights_are_zero(ax):
    weights(torch.zeros(3, 5), ax=ax)
    red, green, blue, _ = ax.images[0].to_rgba(0.0)
    assert min(red, green, blue) > 0.95
    assert ax.images[0].get_clim() == (-1, 1)


def test_the_lowest_integer_counts_by_its_size(ax):
    weights(torch.tensor([[-128, 5]], dtype=torch.int8), ax=ax)
    assert ax.images[0].get_clim() == (-128, 128)
    assert ax.images[0].get_array().tolist() == [[-128, 5]]


def test_arguments_of_the_artist_are_passed_on(ax):
    weights(torch.eye(3), ax=ax, cmap="PuOr", vmax=3, colorbar=False)
    assert ax.images[0].get_cmap().name == "PuOr"
    assert ax.images[0].get_clim() == (-1, 3)
    assert ax.child_axes == []
    norm = TwoSlopeNorm(0, -1, 4)
    weights(torch.eye(3), ax=ax, norm=norm)
    assert ax.images[1].norm is norm


@pytest.mark.parametrize("shape", [(3,), (3, 5, 7), (3, 0), (1, 2, 3, 4, 5)])
def test_another_shape_is_refused_with_the_expected_ones(ax, shape):
    with pytest.raises(ValueError, match=r"weight must have shape \[out, in\] or \[out, in, height, width\]"):
        weights(torch.zeros(shape), ax=ax)
    assert not ax.has_data()
