"""Membrane potentials and other states over time, with threshold and spikes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, overload

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from snn_plot.arrays import time_by_neuron
from snn_plot.axes import given_or_current, label_time, step_seconds
from snn_plot.keywords import completed
from snn_plot.numbers import is_number, pair, whole
from snn_plot.palette import BLUE, DISTINCT, line_colors
from snn_plot.rows import names_for, texts

GRID = (3, 3)


@overload
def traces(
    data: Any,
    spk: Any = None,
    dim: None = None,
    spk_height: float = 5,
    titles: None = None,
    *,
    ax: Axes,
    threshold: float | None = None,
    time_first: bool = True,
    dt: float | None = None,
    labels: Sequence[object] | None = None,
    **artist: Any,
) -> Axes: ...


@overload
def traces(
    data: Any,
    spk: Any = None,
    dim: tuple[int, int] | None = None,
    spk_height: float = 5,
    titles: Sequence[str] | None = None,
    *,
    ax: None = None,
    threshold: float | None = None,
    time_first: bool = True,
    dt: float | None = None,
    labels: Sequence[object] | None = None,
    **artist: Any,
) -> Axes | np.ndarray: ...


def traces(
    data: Any,
    spk: Any = None,
    dim: tuple[int, int] | None = None,
    spk_height: float = 5,
    titles: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
    threshold: float | None = None,
    time_first: bool = True,
    dt: float | None = None,
    labels: Sequence[object] | None = None,
    **artist: Any,
) -> Axes | np.ndarray:
    """Draw the membrane potential, or another state, of several neurons over time.

    *On one axes*, when `ax` is given or there are at most seven traces: lines over each other, a dashed line at the
    threshold, a triangle on the trace at each spike. *In a grid* of new axes on the current figure, when `dim` or
    `titles` is given or there are more traces: one neuron each, spikes added to the trace as peaks.

    Args:
        data: Potentials, ``[time, neuron]`` or ``[time]``: tensor, array or list.
        spk: Spikes of the same shape; none are marked if None.
        dim: Rows and columns of the grid, for the first ``rows * columns`` neurons. If None, 3 by 3; with fewer
            neurons two rows, or one row if their number is odd.
        spk_height: Height of a spike's peak in the grid, in the unit of `data`.
        titles: Title of each of the first axes of the grid.
        ax: Axes to draw on; the current ones if None.
        threshold: Firing threshold, in the unit of `data`.
        time_first: Whether axis 0 is time; if not, the data are ``[neuron, time]``.
        dt: Step in seconds; the x axis counts steps if None.
        labels: Name of each neuron, shown in a legend; in the grid, the titles.
        **artist: Passed to ``Axes.plot`` for every trace.

    Returns:
        The axes, or the grid's axes as an array of shape ``[rows, columns]``.

    Raises:
        TypeError: If the data are not real numbers or `ax` is not an Axes.
        ValueError: If the shapes do not fit each other, the grid or the labels; or both `ax` and a grid are requested.

    Example:
        >>> from matplotlib.figure import Figure
        >>> mem, spk = [0.4, 0.8, 1.2, 0.5], [0, 0, 1, 0]
        >>> ax = traces(mem, spk, ax=Figure().subplots(), threshold=1.0, dt=1e-3)
        >>> [line.get_label() for line in ax.lines if not line.get_label().startswith("_")]
        ['Threshold']

    Source: ``snntorch.spikeplot.traces`` (snnTorch 1.0.0), for the call with a grid.
    """
    # a diverged membrane is worth seeing: matplotlib leaves a gap where it is not finite
    mem = time_by_neuron(data, time_first=time_first, name="traces: data", finite=False)
    spikes = None if spk is None else time_by_neuron(spk, time_first=time_first, name="traces: spk")
    if spikes is not None and spikes.shape != mem.shape:
        raise ValueError(
            f"traces: spk must have the shape of data, [time, neuron] = {list(mem.shape)}, got {list(spikes.shape)}"
        )
    unit = step_seconds(dt, "traces")
    names = names_for(labels, mem.shape[1], "traces")
    in_grid = dim is not None or titles is not None
    if in_grid and ax is not None:
        raise ValueError(
            "traces: ax is for one axes, and dim and titles are for a grid of new axes. "
            "Fix: leave out ax, or leave out dim and titles"
        )
    if threshold is not None and not is_number(threshold):
        raise ValueError(f"traces: threshold must be a finite number in the unit of data, got {threshold!r}")
    if not is_number(spk_height):
        raise ValueError(f"traces: spk_height must be a finite number in the unit of data, got {spk_height!r}")
    time = np.arange(len(mem)) * unit

    if in_grid or (ax is None and mem.shape[1] > len(DISTINCT)):
        if spikes is not None:
            mem = mem + float(spk_height) * spikes
        titled = names if titles is None else texts(titles, "traces", "titles")
        axes = _grid(mem.shape[1], dim, titled)
        style = completed(artist, Line2D, color=BLUE, linewidth=1.2)
        for each, trace in zip(axes.flat, mem.T, strict=False):
            each.plot(time, trace, **style)
            _draw_threshold(each, threshold)
            label_time(each, dt, "Membrane")
            each.label_outer()
        return axes

    ax = given_or_current(ax, "traces")
    for i, color in enumerate(line_colors(mem.shape[1])):
        (line,) = ax.plot(time, mem[:, i], **completed(artist, Line2D, color=color, linewidth=1.2))
        if names:
            line.set_label(names[i])
        if spikes is not None:
            fired = np.flatnonzero(spikes[:, i])
            ax.plot(time[fired], mem[fired, i], "^", color=line.get_color(), markersize=5)
    _draw_threshold(ax, threshold)
    label_time(ax, dt, "Membrane potential")
    if names or threshold is not None:
        ax.legend()
    return ax


def _grid(neurons: int, dim: tuple[int, int] | None, titles: list[str] | None) -> np.ndarray:
    """Return new axes on the current figure, which share the y axis of the first."""
    if dim is None:
        lines = 2 - neurons % 2
        dim = GRID if neurons >= math.prod(GRID) else (lines, neurons // lines)
    rows, columns = (whole(side, 0) for side in pair(dim))
    if rows is None or columns is None:
        raise ValueError(f"traces: dim must be (rows, columns), two whole numbers, got {dim!r}")
    if 0 in (rows, columns) or rows * columns > neurons:
        raise ValueError(
            f"traces: a grid of {rows} by {columns} needs {rows * columns} traces, but data has {neurons} neurons. "
            "Fix: pass dim=(rows, columns) that fits, or ax to draw on one axes"
        )
    axes = plt.gcf().subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for each, title in zip(axes.flat, titles or (), strict=False):
        each.set_title(title)
    return axes


def _draw_threshold(ax: Axes, threshold: float | None) -> None:
    if threshold is not None:
        ax.axhline(threshold, color="0.5", linestyle="--", linewidth=1, label="Threshold")
