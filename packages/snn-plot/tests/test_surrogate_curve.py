"""surrogate_curve: the derivative that autograd gives, and where the membranes are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from snn_plot import surrogate_curve


class Arctangent(torch.autograd.Function):
    """A step whose derivative is 1 / (1 + (pi x)^2)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad / (1 + (torch.pi * x) ** 2)


def lines(ax):
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in ax.lines}


@pytest.mark.usefixtures("untouched")
def test_the_curves_are_the_step_and_the_derivative(ax):
    assert surrogate_curve(Arctangent.apply, ax=ax) is ax
    x, spk = lines(ax)["spike S"]
    assert (x[0], x[-1]) == (-1.5, 1.5)
    assert spk.tolist() == (x > 0).tolist()
    same, slope = lines(ax)["derivative ∂S/∂U"]
    np.testing.assert_allclose(slope, 1 / (1 + (np.pi * same) ** 2), rtol=1e-12)
    assert slope.max() == 1.0
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["spike S", "derivative ∂S/∂U"]


def test_several_surrogates_are_distinguished_by_name_and_color(ax):
    surrogate_curve({"arctangent": Arctangent.apply, "logistic": torch.sigmoid}, ax=ax, linewidth=3)
    x, slope = lines(ax)["logistic"]
    np.testing.assert_allclose(slope, np.exp(-x) / (1 + np.exp(-x)) ** 2, rtol=1e-12)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["spike S", "arctangent", "logistic"]
    first, second = ax.lines[2:]
    assert first.get_color() != second.get_color()
    assert first.get_linewidth() == 3


def test_bars_are_shares_of_the_distances_from_the_threshold(ax):
    # distances of -3, 0.01 and 0.02 from the threshold
    mem = torch.tensor([[[-1.0], [2.01], [2.02]]], dtype=torch.float64).requires_grad_()
    surrogate_curve(torch.sigmoid, ax=ax, mem=mem, threshold=2.0)
    (bars,) = ax.patches
    heights, edges, _ = bars.get_data()
    assert (edges[0], edges[-1]) == (-3, 1.5)
    assert len(heights) == 60
    full, half = heights.max(), heights[0]
    assert full == pytest.approx(2 * half)
    assert np.count_nonzero(heights) == 2
    holder = heights.argmax()
    assert edges[holder] <= 0.01 < 0.02 <= edges[holder + 1]
    assert bars.get_label() == "membranes, 67% in the fullest bar"


def test_bars_leave_the_scale_of_the_curves_alone(ax):
    surrogate_curve(torch.sigmoid, ax=ax, mem=torch.rand(1000))
    other = surrogate_curve(torch.sigmoid, ax=ax.figure.axes[1])
    assert ax.get_ylim() == other.get_ylim()


def test_limits_cut_the_picture_and_not_the_shares(ax):
    surrogate_curve(torch.sigmoid, ax=ax, mem=[-5.0, 1.0], limits=(-0.5, 0.5))
    assert ax.patches[0].get_label() == "membranes, 50% in the fullest bar"
    assert lines(ax)["spike S"][0][[0, -1]].tolist() == [-0.5, 0.5]


def test_limits_that_hold_no_membrane_have_no_bars(ax):
    surrogate_curve(torch.sigmoid, ax=ax, mem=[-5.0], limits=(-0.5, 0.5))
    assert ax.patches[0].get_data().values.tolist() == [0] * 60


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_draws_where_gradients_are_off(ax, mode):
    with mode():
        surrogate_curve(Arctangent.apply, ax=ax)
    assert lines(ax)["derivative ∂S/∂U"][1].max() == 1.0


def test_a_random_surrogate_leaves_the_generator_as_it_was(ax):
    before = torch.random.get_rng_state()
    surrogate_curve(lambda x: x * torch.rand_like(x), ax=ax)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("surrogate", "error", "message"),
    [
        (None, TypeError, "spike_grad must be a callable that turns U - threshold into spikes"),
        ({"a": 3}, TypeError, "spike_grad must be a callable .* got 3"),
        ({}, ValueError, "spike_grad is empty"),
        (lambda x: (x > 0).double(), ValueError, r"has no derivative\. Fix: pass a surrogate"),
        (lambda x: x.sum(), ValueError, r"shape of its input, \[801\], got \[\]"),
        (lambda x: None, ValueError, "got NoneType"),
    ],
)
def test_a_value_that_is_not_a_surrogate_is_refused(surrogate, error, message):
    ax = Figure().subplots()
    with pytest.raises(error, match=message):
        surrogate_curve(surrogate, ax=ax)
    assert not ax.has_data()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limits": (1, -1)}, r"limits must be \(first, last\) in rising order"),
        ({"limits": (0, float("inf"))}, "limits"),
        ({"mem": [1.0], "threshold": float("nan")}, "threshold must be finite"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_drawn(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        surrogate_curve(torch.sigmoid, ax=ax, **arguments)
    assert not ax.has_data()
