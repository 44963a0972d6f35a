"""training_curve: the values of each series against epochs from 1."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from snn_plot import training_curve


@pytest.mark.usefixtures("untouched")
def test_each_series_is_a_line_over_epochs_from_one(ax):
    assert training_curve({"train": [3.0, 2.0, 1.0], "test": torch.tensor([4.0, 2.0])}, ax=ax, ylabel="Loss") is ax
    train, test = ax.lines
    assert (train.get_xdata().tolist(), train.get_ydata().tolist()) == ([1, 2, 3], [3, 2, 1])
    assert (test.get_xdata().tolist(), test.get_ydata().tolist()) == ([1, 2], [4, 2])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "test"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Epoch", "Loss")


def test_a_single_series_needs_no_legend_and_names_the_axis(ax):
    training_curve({"Cross entropy": [3.0, 2.0]}, ax=ax, xlabel="Step", color="k")
    assert ax.get_legend() is None
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Step", "Cross entropy")
    assert ax.lines[0].get_color() == "k"


def test_a_plain_list_of_losses_that_need_grad_is_one_series(ax):
    training_curve([torch.tensor(2.0, requires_grad=True), torch.tensor(1.0)], ax=ax)
    assert ax.lines[0].get_ydata().tolist() == [2, 1]
    assert ax.get_ylabel() == ""


def test_a_diverged_epoch_is_a_gap(ax):
    training_curve([1.0, float("nan"), 3.0], ax=ax)
    assert np.isnan(ax.lines[0].get_ydata()).tolist() == [False, True, False]


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"loss": [[1.0, 2.0]]}, []])
def test_a_history_without_values_or_of_another_shape_is_refused(history):
    ax = Figure().subplots()
    with pytest.raises(ValueError, match=r"training_curve: history(\[\'loss\'\])? must have"):
        training_curve(history, ax=ax)
    assert not ax.has_data()


def test_values_that_are_not_numbers_are_refused(ax):
    with pytest.raises(TypeError, match=r"^training_curve: history\['loss'\] must contain real numbers"):
        training_curve({"loss": ["low"]}, ax=ax)
    with pytest.raises(TypeError, match=r"^training_curve: history must contain real numbers, got NoneType"):
        training_curve(None, ax=ax)
    with pytest.raises(ValueError, match=r"history must have shape \[epochs\], one value or more, got \[1, 1\]"):
        training_curve([[1.0]], ax=ax)
