"""A spike raster: one mark for each spike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import normalize_kwargs
from matplotlib.collections import Collection

from snn_plot.arrays import time_by_neuron
from snn_plot.axes import given_or_current, label_time, step_seconds
from snn_plot.keywords import completed
from snn_plot.rows import label_rows, names_for, row_order

# Above this many spikes a vector file gets too heavy to open, so the marks are stored as pixels.
RASTERISE_ABOVE = 5_000


def raster(
    data: Any,
    ax: Axes | None = None,
    *,
    time_first: bool = True,
    dt: float | None = None,
    labels: Sequence[object] | None = None,
    order: Any = None,
    **artist: Any,
) -> Axes:
    """Draw a spike raster of one sample: time along x, one row per neuron.

    Every value other than 0 is a spike. All marks are one scatter artist, stored as pixels above 5,000 spikes. The
    axes show the whole recording, including its silent ends and silent neurons.

    Args:
        data: Spikes, ``[time, neuron]`` or ``[time]``: tensor, array or list.
        ax: Axes to draw on; the current ones if None.
        time_first: Whether axis 0 is time; if not, the data are ``[neuron, time]``.
        dt: Step in seconds; the x axis counts steps if None.
        labels: Name of each neuron, written at its row.
        order: Neuron of each row from the bottom, a permutation of ``0 .. neurons - 1``.
        **artist: Passed to ``Axes.scatter``, such as ``s`` or ``c``. Without ``s`` and ``marker`` a spike is a tick as
            high as its row.

    Returns:
        The axes.

    Raises:
        TypeError: If the data are not real numbers or `ax` is not an Axes.
        ValueError: If the shape, `dt`, the number of labels or `order` is wrong.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = raster([[0, 1], [1, 0], [0, 1]], Figure().subplots(), dt=0.5)
        >>> ax.collections[0].get_offsets().tolist()
        [[0.0, 1.0], [0.5, 0.0], [1.0, 1.0]]
        >>> ax.get_xlabel()
        'Time (s)'

    Source: ``snntorch.spikeplot.raster`` (snnTorch 1.0.0), for the call ``raster(data, ax, **kw)``.
    """
    spk = time_by_neuron(data, time_first=time_first, name="raster: data")
    unit = step_seconds(dt, "raster")
    num_steps, neurons = spk.shape
    names = names_for(labels, neurons, "raster")
    rows = row_order(order, neurons, "raster")
    ax = given_or_current(ax, "raster")

    steps, heights = np.nonzero(spk[:, rows])
    # scatter alone would show only the span between the first and the last spike
    ax.update_datalim([(-0.5 * unit, -0.5), ((num_steps - 0.5) * unit, neurons - 0.5)])
    ax.scatter(steps * unit, heights, **_marks(ax, artist, num_steps, neurons, len(steps)))
    label_time(ax, dt, "Neuron")
    label_rows(ax, names, rows)
    return ax


def _marks(ax: Axes, artist: dict[str, Any], num_steps: int, neurons: int, spikes: int) -> dict[str, Any]:
    """Return the user's scatter arguments, completed so that neighboring rows and steps stay apart."""
    style: dict[str, Any] = {"rasterized": spikes > RASTERISE_ABOVE}
    if not normalize_kwargs(artist, Collection).keys() & {"c", "color", "facecolor", "edgecolor"}:
        # the text color of the user's style contrasts with its background
        style["c"] = matplotlib.rcParams["text.color"]
    if not artist.keys() & {"s", "marker"}:
        points = 72 / ax.figure.dpi
        row_height, step_width = ax.bbox.height * points / neurons, ax.bbox.width * points / num_steps
        style |= {"marker": "|", "s": float(np.clip(0.8 * row_height, 1.5, 14)) ** 2}
        style["linewidths"] = float(np.clip(0.6 * step_width, 0.5, 1.5))
    return completed(artist, Collection, **style)
