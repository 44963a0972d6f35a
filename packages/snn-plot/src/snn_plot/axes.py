"""The axes for a plot, and the labels along them."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, MaxNLocator

from snn_plot.numbers import is_number

__all__ = ["given_or_current", "label_across", "label_time", "label_value", "rate_label", "step_seconds", "whole_ticks"]


def given_or_current(ax: Any, caller: str) -> Axes:
    """Return the axes that were passed, or pyplot's current ones."""
    if ax is None:
        return plt.gca()
    if not isinstance(ax, Axes):
        raise TypeError(f"{caller} draws on matplotlib axes, got ax of type {type(ax).__name__}: pass one Axes or None")
    return ax


def step_seconds(dt: float | None, caller: str, name: str = "dt") -> float:
    """Check the duration of a step; without one, time is counted in steps.

    Returns:
        The factor from steps to the unit on the time axis.

    Example:
        >>> step_seconds(1e-3, "raster"), step_seconds(None, "raster")
        (0.001, 1.0)
    """
    if dt is None:
        return 1.0
    if not (is_number(dt) and dt > 0):
        raise ValueError(f"{caller} needs {name} in seconds, greater than 0, got {dt}")
    return float(dt)


def label_time(ax: Axes, dt: float | None) -> None:
    """Write time and its unit under the axes, unless the user has written something there."""
    if dt is None:
        whole_ticks(ax.xaxis)
    label_across(ax, "Time step" if dt is None else "Time (s)")


def label_across(ax: Axes, text: str, **place: Any) -> None:
    """Write the quantity of the x axis, unless the user has written something there."""
    if not ax.get_xlabel():
        ax.set_xlabel(text, **place)


def whole_ticks(axis: Axis) -> None:
    """Put ticks at whole numbers, unless the user has placed them.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = Figure().subplots()
        >>> whole_ticks(ax.xaxis)
        >>> [float(tick) for tick in ax.get_xticks()]
        [0.0, 1.0]
    """
    if not isinstance(axis.get_major_locator(), FixedLocator):
        axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def label_value(ax: Axes, text: str) -> None:
    """Write the quantity of the y axis, unless the user has written something there."""
    if not ax.get_ylabel():
        ax.set_ylabel(text)


def rate_label(dt: float | None) -> str:
    """Return the name of a firing rate with its unit."""
    return "Firing rate (spikes per step)" if dt is None else "Firing rate (Hz)"
