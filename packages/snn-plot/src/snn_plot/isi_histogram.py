"""A histogram of the times between spikes, which shows how regularly neurons fire."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch

from snn_plot.arrays import time_by_neuron
from snn_plot.axes import given_or_current, label_axes, step_seconds, whole_ticks
from snn_plot.keywords import completed
from snn_plot.numbers import checked_whole
from snn_plot.palette import BLUE

# Largest number of bars if the user gives no number of bins.
MOST_BARS = 50


def isi_histogram(
    spk: Any,
    *,
    ax: Axes | None = None,
    time_first: bool = True,
    dt: float | None = None,
    bins: int | None = None,
    **artist: Any,
) -> Axes:
    r"""Draw a histogram of the intervals between successive spikes of the same neuron.

    .. math:: \mathrm{ISI}_i^{(k)} = t_i^{(k+1)} - t_i^{(k)}

    The intervals of all neurons are pooled. A bar is a whole number of steps wide, as intervals are: narrower bars
    would leave gaps that are not in the data.

    Args:
        spk: Spikes of one sample, ``[time, neuron]`` or ``[time]``: tensor, array or list. Every value other than 0 is
            a spike.
        ax: Axes to draw on; the current ones if None.
        time_first: Whether axis 0 is time; if not, the data are ``[neuron, time]``.
        dt: Step in seconds; intervals are in steps if None.
        bins: Largest number of bars between the shortest and the longest interval; 50 if None.
        **artist: Passed to ``Axes.stairs``, such as ``color`` or ``label``.

    Returns:
        The axes. If no neuron fired twice, the axes say so and have no bars.

    Raises:
        TypeError: If the data are not real numbers or `ax` is not an Axes.
        ValueError: If the shape, `dt` or `bins` is wrong, or the data are not finite.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = isi_histogram([1, 0, 1, 0, 1, 1], ax=Figure().subplots())
        >>> counts, edges, _ = ax.patches[0].get_data()
        >>> counts.tolist(), edges.tolist()
        ([1, 2], [0.5, 1.5, 2.5])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 7.3.
    """
    spikes = time_by_neuron(spk, time_first=time_first, name="isi_histogram: spk")
    unit = step_seconds(dt, "isi_histogram")
    most = checked_whole(MOST_BARS if bins is None else bins, "isi_histogram: bins must be a whole number of 1 or more")
    ax = given_or_current(ax, "isi_histogram")

    intervals = np.concatenate([np.diff(np.flatnonzero(neuron)) for neuron in spikes.T])
    if intervals.size:
        shortest, longest = int(intervals.min()), int(intervals.max())
        width = math.ceil((longest - shortest + 1) / most)
        borders = np.arange(shortest, longest + width + 1, width) - 0.5
        counts, _ = np.histogram(intervals, borders)
        ax.stairs(counts, borders * unit, **completed(artist, StepPatch, fill=True, color=BLUE))
    else:
        ax.text(0.5, 0.5, "no neuron fired twice", transform=ax.transAxes, ha="center", va="center")
    whole_ticks(ax.yaxis)
    if dt is None:
        whole_ticks(ax.xaxis)
    label_axes(ax, f"Interval between spikes ({'steps' if dt is None else 's'})", "Number of intervals")
    return ax
