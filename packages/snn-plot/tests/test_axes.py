"""Labels and ticks beside a plot: those of the user stay."""

from __future__ import annotations

from matplotlib.figure import Figure

from snn_plot.axes import color_bar, label_axes, whole_ticks


def test_ticks_are_at_whole_numbers_unless_the_user_has_placed_them():
    left, right = Figure().subplots(1, 2)
    right.set_xticks([0.25, 0.5])
    for ax in (left, right):
        whole_ticks(ax.xaxis)
    assert left.get_xticks().tolist() == [0, 1]
    assert right.get_xticks().tolist() == [0.25, 0.5]


def test_each_axis_is_labeled_on_its_own():
    ax = Figure().subplots()
    ax.set_xlabel("mine", loc="left")
    label_axes(ax, "Time", "Rate")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mine", "Rate")
    assert ax.xaxis.label.get_horizontalalignment() == "left"


def test_a_color_bar_belongs_to_its_axes():
    figure = Figure()
    ax = figure.subplots()
    color_bar(ax, ax.imshow([[0, 1]]), "Weight")
    assert figure.axes == [ax]
    assert ax.child_axes[0].get_ylabel() == "Weight"
