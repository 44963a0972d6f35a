"""The firing rate of each neuron over time: one colored cell per neuron and window of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from snn_plot.arrays import time_by_neuron
from snn_plot.axes import color_bar, given_or_current, label_time, rate_label, step_seconds
from snn_plot.binning import binned_rate, whole_window
from snn_plot.keywords import completed
from snn_plot.rows import label_rows, names_for, row_order

# Number of windows of a recording if the user gives no window.
STRETCHES = 50


def rate_heatmap(
    spk: Any,
    *,
    ax: Axes | None = None,
    time_first: bool = True,
    dt: float | None = None,
    labels: Sequence[object] | None = None,
    order: Any = None,
    window: int | None = None,
    colorbar: bool = True,
    **artist: Any,
) -> Axes:
    r"""Draw the firing rate of every neuron over time as colors.

    .. math:: r_i[k] = \frac{1}{n_k\,\Delta t} \sum_{t \in k} [\,S_i[t] \neq 0\,]

    with :math:`n_k` the number of steps of window k. Use it for recordings with too many spikes for a `raster`.

    Args:
        spk: Spikes of one sample, ``[time, neuron]`` or ``[time]``: tensor, array or list. Every value other than 0 is
            a spike.
        ax: Axes to draw on; the current ones if None.
        time_first: Whether axis 0 is time; if not, the data are ``[neuron, time]``.
        dt: Step in seconds, for rates in Hz; rates are in spikes per step if None.
        labels: Name of each neuron, written at its row.
        order: Neuron of each row from the bottom, a permutation of ``0 .. neurons - 1``.
        window: Steps counted together; a fiftieth of the recording if None. The last window may be shorter.
        colorbar: True to draw the scale at the right, on an inset of `ax`.
        **artist: Passed to ``Axes.pcolormesh``, such as ``cmap`` or ``vmax``.

    Returns:
        The axes.

    Raises:
        TypeError: If the data are not real numbers or `ax` is not an Axes.
        ValueError: If the shape, `dt`, the number of labels, `order` or `window` is wrong, or the data are not finite.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = rate_heatmap([[0, 1], [1, 1], [0, 1], [0, 0]], ax=Figure().subplots(), window=2)
        >>> ax.collections[0].get_array().tolist()
        [[0.5, 0.0], [1.0, 0.5]]

    Source: Gerstner et al., Neuronal Dynamics (2014), section 7.2, spike count over a window.
    """
    spikes = time_by_neuron(spk, time_first=time_first, name="rate_heatmap: spk")
    num_steps, neurons = spikes.shape
    unit = step_seconds(dt, "rate_heatmap")
    window = whole_window(math.ceil(num_steps / STRETCHES) if window is None else window, num_steps, "rate_heatmap")
    names = names_for(labels, neurons, "rate_heatmap")
    rows = row_order(order, neurons, "rate_heatmap")
    ax = given_or_current(ax, "rate_heatmap")

    rates, edges = binned_rate(spikes[:, rows], window, unit)
    # a silent recording has the color of 0, not of the middle of the scale
    style = completed(artist, QuadMesh, cmap="viridis", rasterized=True, vmin=0, vmax=rates.max() or 1 / unit)
    cells = ax.pcolormesh(edges, np.arange(neurons + 1) - 0.5, rates.T, **style)
    if colorbar:
        color_bar(ax, cells, rate_label(dt))
    label_time(ax, dt, "Neuron")
    label_rows(ax, names, rows)
    return ax
