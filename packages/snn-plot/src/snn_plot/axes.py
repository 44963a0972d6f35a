"""The axes for a plot, the labels along them, and the scale of colors beside them."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.ticker import FixedLocator, MaxNLocator

from snn_plot.numbers import is_number


def given_or_current(ax: Any, caller: str) -> Axes:
    """Return the axes that were passed, or pyplot's current ones."""
    if ax is None:
        return plt.gca()
    if not isinstance(ax, Axes):
        raise TypeError(f"{caller}: ax must be matplotlib Axes or None, got {type(ax).__name__}")
    return ax


def step_seconds(dt: float | None, caller: str, name: str = "dt") -> float:
    """Return the checked duration of a step; without one, time is counted in steps of 1."""
    if dt is None:
        return 1.0
    if not (is_number(dt) and dt > 0):
        raise ValueError(f"{caller}: {name} must be greater than 0, in seconds, got {dt}")
    return float(dt)


def label_axes(ax: Axes, across: str, up: str) -> None:
    """Write the quantities of the x and the y axis, unless the user has written something there."""
    if not ax.get_xlabel():
        ax.set_xlabel(across)
    if not ax.get_ylabel():
        ax.set_ylabel(up)


def label_time(ax: Axes, dt: float | None, up: str) -> None:
    """Label the x axis with time and its unit, and the y axis as `label_axes` does."""
    if dt is None:
        whole_ticks(ax.xaxis)
    label_axes(ax, "Time step" if dt is None else "Time (s)", up)


def whole_ticks(axis: Axis) -> None:
    """Put ticks at whole numbers, unless the user has placed them."""
    if not isinstance(axis.get_major_locator(), FixedLocator):
        axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def rate_label(dt: float | None) -> str:
    """Return the name of a firing rate with its unit."""
    return "Firing rate (spikes per step)" if dt is None else "Firing rate (Hz)"


def color_bar(ax: Axes, image: ScalarMappable, text: str) -> None:
    """Draw the color scale of an image on an inset of its axes, which takes no space from other axes."""
    scale = ax.inset_axes((1.02, 0.0, 0.03, 1.0))
    ax.figure.colorbar(image, cax=scale, label=text)
