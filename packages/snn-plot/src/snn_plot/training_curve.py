"""The course of a loss or an accuracy over epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from snn_plot.arrays import to_array
from snn_plot.axes import given_or_current, label_axes, whole_ticks
from snn_plot.keywords import completed
from snn_plot.palette import line_colors
from snn_plot.series import distinct


def training_curve(
    history: Any,
    *,
    ax: Axes | None = None,
    ylabel: str | None = None,
    xlabel: str = "Epoch",
    **artist: Any,
) -> Axes:
    """Draw one or several series of numbers over the epochs of a training run.

    Series of different units, such as a loss and an accuracy, belong on two axes: call this function once for each. A
    NaN, which a diverged run leaves, is a gap in the line.

    Args:
        history: Name and values of each series, ``{"loss": [epochs], ...}``, or the values of one, ``[epochs]``.
        ax: Axes to draw on; the current ones if None.
        ylabel: Name and unit of the values; the series' name if there is only one.
        xlabel: Meaning of one entry of a series.
        **artist: Passed to ``Axes.plot`` for every series.

    Returns:
        The axes. Epochs count from 1; a legend names the series if there are several.

    Raises:
        TypeError: If the values are not real numbers or `ax` is not an Axes.
        ValueError: If there is no series, one is empty or not of shape ``[epochs]``, or two have names of the same
            text.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = training_curve({"loss": [2.3, 0.9, 0.4]}, ax=Figure().subplots())
        >>> ax.get_ylabel(), ax.lines[0].get_xdata().tolist()
        ('loss', [1, 2, 3])
    """
    curves = distinct(history, "training_curve: history") if isinstance(history, Mapping) else {"": history}
    called = {str(name): "history" if curves is not history else f"history[{name!r}]" for name in curves}
    series = {str(name): to_array(values, f"training_curve: {called[str(name)]}") for name, values in curves.items()}
    if not series:
        raise ValueError("training_curve: history must have at least one series of values, got none")
    for name, values in series.items():
        if values.ndim != 1 or values.size == 0:
            raise ValueError(
                f"training_curve: {called[name]} must have shape [epochs], one value or more, got {list(values.shape)}"
            )
    ax = given_or_current(ax, "training_curve")
    for (name, values), color in zip(series.items(), line_colors(len(series)), strict=True):
        # a line of one point is invisible, and few points are easier to read as points
        points: dict[str, Any] = {"marker": "o", "markersize": 3} if len(values) <= 30 else {}
        style = completed(artist, Line2D, linewidth=1.5, color=color, label=name, **points)
        ax.plot(np.arange(1, len(values) + 1), values, **style)
    whole_ticks(ax.xaxis)
    if ylabel is None and len(series) == 1:
        (ylabel,) = series
    label_axes(ax, xlabel, ylabel or "")
    if len(series) > 1:
        ax.legend()
    return ax
