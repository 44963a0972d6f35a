"""confusion_matrix: shades are shares of the true class, numbers are counts."""

from __future__ import annotations

import matplotlib
import pytest
import torch
from matplotlib.figure import Figure

from snn_plot import confusion_matrix

COUNTS = torch.tensor([[3, 1, 0], [0, 5, 0], [0, 0, 0]])


@pytest.mark.usefixtures("untouched")
def test_shades_are_row_shares_and_numbers_are_counts(ax):
    assert confusion_matrix(COUNTS, ax=ax) is ax
    assert ax.images[0].get_array().tolist() == [[0.75, 0.25, 0], [0, 1, 0], [0, 0, 0]]
    assert [(t.get_position(), t.get_text()) for t in ax.texts] == [((0, 0), "3"), ((1, 0), "1"), ((1, 1), "5")]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Predicted class", "True class")


def test_the_first_class_is_at_the_top_in_any_style():
    with matplotlib.rc_context({"image.origin": "lower"}):
        ax = confusion_matrix(COUNTS, ax=Figure().subplots())
    assert ax.get_ylim() == (2.5, -0.5)


def test_labels_stand_on_both_axes(ax):
    confusion_matrix(COUNTS.tolist(), ax=ax, labels=["cat", "dog", "cow"])
    for ticks in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == ["cat", "dog", "cow"]


def test_numbers_contrast_with_their_cells(ax):
    confusion_matrix([[98, 2], [50, 50]], ax=ax)
    assert [text.get_color() for text in ax.texts][:2] == ["white", "black"]


def test_many_classes_are_shaded_without_numbers(ax):
    confusion_matrix(torch.eye(21), ax=ax, cmap="Greens")
    assert len(ax.texts) == 0
    assert ax.images[0].get_cmap().name == "Greens"


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (torch.zeros(3, 5), r"\[classes, classes\], true by predicted, got \[3, 5\]"),
        (torch.zeros(3), r"got \[3\]"),
        (torch.zeros(0, 0), r"got \[0, 0\]"),
        ([[1, -1], [0, 1]], "whole numbers"),
        ([[0.5, 0.5], [0.0, 1.0]], "whole numbers"),
        ([[float("inf"), 0], [0, 1]], "whole numbers"),
    ],
)
def test_a_value_that_is_not_a_table_of_counts_is_refused(ax, counts, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(counts, ax=ax)
    assert not ax.has_data()


def test_labels_that_do_not_fit_are_refused(ax):
    with pytest.raises(ValueError, match="labels must have one label for each of 3"):
        confusion_matrix(COUNTS, ax=ax, labels=["a", "b"])
