"""The distribution of a layer's firing rates, which shows how its neurons share the work."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch

from snn_plot.arrays import require_finite, to_array
from snn_plot.axes import given_or_current, label_axes, rate_label, step_seconds, whole_ticks
from snn_plot.keywords import completed
from snn_plot.numbers import checked_whole, is_number
from snn_plot.palette import BLUE, ORANGE, VERMILION

# Bars between the rate 0 and the highest one if the user gives no number of bins.
BARS = 25


def rate_histogram(
    rates: Any,
    *,
    ax: Axes | None = None,
    dt: float | None = None,
    bins: int | None = None,
    saturated: float = 1.0,
    **artist: Any,
) -> Axes:
    """Draw how many neurons of a layer fire at each rate, and how many never fire or fire all the time.

    Dead neurons, whose rate is 0, and saturated ones have bars of their own, left and right of all others; the legend
    says how many there are. Neither kind can distinguish inputs.

    Args:
        rates: Firing rate of each neuron in spikes per step, in [0, 1]: ``[neuron]`` or, for a convolution,
            ``[channel, height, width]``; tensor, array or list. For spikes ``[time, batch, neuron]`` it is
            ``(spk != 0).float().mean((0, 1))``.
        ax: Axes to draw on; the current ones if None.
        dt: Step in seconds, for rates in Hz; rates are in spikes per step if None.
        bins: Number of bars between 0 and the highest rate; 25 if None.
        saturated: Rate from which a neuron counts as saturated, in spikes per step, in (0, 1].
        **artist: Passed to ``Axes.stairs`` for the neurons that are neither dead nor saturated.

    Returns:
        The axes.

    Raises:
        TypeError: If the rates are not real numbers or `ax` is not an Axes.
        ValueError: If the shape is wrong, a rate is outside [0, 1] or not finite, or `dt`, `bins` or `saturated` is
            wrong.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = rate_histogram([0.0, 0.0, 0.2, 0.4, 1.0], ax=Figure().subplots(), bins=2)
        >>> ax.patches[0].get_data().values.tolist()
        [2, 0]
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['2 dead: never fire', '1 saturated: fires all the time']

    Source: Rossbroich, Gygax and Zenke, Fluctuation-driven initialization for spiking neural network training (2022),
    on silent and saturated layers.
    """
    array = to_array(rates, "rate_histogram: rates")
    if array.ndim not in (1, 2, 3) or array.size == 0:
        raise ValueError(
            "rate_histogram: rates must have shape [neuron] or [channel, height, width] and contain at least one "
            f"rate, got {list(array.shape)}. Fix: take the mean of the spikes over time and batch"
        )
    require_finite(array, "rate_histogram: rates")
    values = array.astype(np.float64).ravel()
    if values.min() < 0 or values.max() > 1:
        outside = values[(values < 0) | (values > 1)]
        raise ValueError(
            f"rate_histogram: rates must be spikes per step in [0, 1], got {outside[0]:g}. "
            "Fix: divide counts by the number of steps"
        )
    unit = step_seconds(dt, "rate_histogram")
    bars = checked_whole(BARS if bins is None else bins, "rate_histogram: bins must be a whole number of 1 or more")
    if not (is_number(saturated) and 0 < saturated <= 1):
        raise ValueError(f"rate_histogram: saturated must be in (0, 1], in spikes per step, got {saturated}")
    ax = given_or_current(ax, "rate_histogram")

    # a float32 rate of 0.9 is below the Python number 0.9
    limit = float(saturated) if array.dtype.kind != "f" else array.dtype.type(saturated)
    dead, full = values == 0, values >= limit
    edges = np.linspace(0, values.max() or 1.0, bars + 1)
    counts, _ = np.histogram(values[~dead & ~full], edges)
    ax.stairs(counts, edges / unit, **completed(artist, StepPatch, fill=True, color=BLUE))
    width = edges[1] / unit
    for chosen, left, color, text in (
        (dead, -width, VERMILION, ("dead: never fires", "dead: never fire")),
        (full, edges[-1] / unit, ORANGE, ("saturated: fires all the time", "saturated: fire all the time")),
    ):
        if count := int(chosen.sum()):
            label = f"{count} {text[count > 1]}"
            ax.bar(left, count, width, align="edge", color=color, label=label)
    if dead.any() or full.any():
        ax.legend()
    whole_ticks(ax.yaxis)
    label_axes(ax, rate_label(dt), "Number of neurons")
    return ax
