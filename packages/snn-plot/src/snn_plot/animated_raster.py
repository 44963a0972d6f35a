"""A spike raster that grows with time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from snn_plot.animation import Animation
from snn_plot.arrays import time_by_neuron
from snn_plot.axes import given_or_current, step_seconds
from snn_plot.numbers import checked_whole
from snn_plot.palette import VERMILION
from snn_plot.raster import raster
from snn_plot.rows import names_for, row_order


def animated_raster(
    data: Any,
    ax: Axes | None = None,
    *,
    time_first: bool = True,
    dt: float | None = None,
    labels: Sequence[object] | None = None,
    order: Any = None,
    steps_per_frame: int = 1,
    interval: float = 40,
    **artist: Any,
) -> Animation:
    """Animate a spike raster: a line moves through time and leaves the spikes behind it.

    The first frame is empty, the last one is `raster`.

    Args:
        data: Spikes, ``[time, neuron]`` or ``[time]``: tensor, array or list.
        ax: Axes to draw on; the current ones if None.
        time_first: Whether axis 0 is time; if not, the data are ``[neuron, time]``.
        dt: Step in seconds; the x axis counts steps if None.
        labels: Name of each neuron, written at its row.
        order: Neuron of each row from the bottom, a permutation of ``0 .. neurons - 1``.
        steps_per_frame: Steps from one frame to the next; larger values make a shorter film of a long recording.
        interval: Delay between frames in milliseconds.
        **artist: Passed to ``Axes.scatter``, see `raster`.

    Returns:
        The animation; keep it in a variable, and ``save`` or display it: see `Animation`.

    Raises:
        TypeError: If the data are not real numbers or `ax` is not an Axes.
        ValueError: If the shape, `dt`, the number of labels, `order`, `steps_per_frame` or `interval` is wrong.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = Figure().subplots()
        >>> film = animated_raster([[0, 1], [1, 0], [0, 1]], ax)
        >>> film.num_frames
        4
        >>> film._repr_html_()[:4]  # what a notebook shows
        '<img'
    """
    spk = time_by_neuron(data, time_first=time_first, name="animated_raster: data")
    num_steps = len(spk)
    pace = checked_whole(steps_per_frame, "animated_raster: steps_per_frame must be 1 or more whole steps")
    unit = step_seconds(dt, "animated_raster")
    rows = row_order(order, spk.shape[1], "animated_raster")
    names = names_for(labels, spk.shape[1], "animated_raster")
    ax = raster(spk, given_or_current(ax, "animated_raster"), dt=dt, labels=names, order=rows, **artist)
    marks = ax.collections[-1]
    spikes = np.asarray(marks.get_offsets())
    # spikes[:fired[t]] are those of the first t steps: raster draws them in the order of time
    fired = np.concatenate([[0], np.cumsum(np.count_nonzero(spk, axis=1))])
    now = ax.axvline(-0.5 * unit, color=VERMILION, linewidth=1.5)

    def show(frame: int) -> list[Any]:
        done = min(frame * pace, num_steps)
        marks.set_offsets(spikes[: fired[done]])
        now.set_xdata([(done - 0.5) * unit] * 2)
        return [marks, now]

    return Animation(ax.figure.canvas.figure, show, -(-num_steps // pace) + 1, interval, blit=True)
