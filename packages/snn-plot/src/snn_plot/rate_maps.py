"""Maps of the firing rates in a convolutional layer, one per channel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from snn_plot.arrays import require_finite, to_array
from snn_plot.axes import color_bar, given_or_current, label_axes, rate_label, step_seconds
from snn_plot.keywords import image_style
from snn_plot.numbers import checked_whole


def rate_maps(
    spk: Any,
    *,
    ax: Axes | None = None,
    dt: float | None = None,
    columns: int | None = None,
    colorbar: bool = True,
    **artist: Any,
) -> Axes:
    r"""Draw the firing rates of a convolutional layer as one sheet, with one map per channel.

    .. math:: r_{cyx} = \frac{1}{T\,\Delta t} \sum_{t} [\,S_{cyx}[t] \neq 0\,]

    Args:
        spk: Spikes of one sample, ``[time, channel, height, width]``: tensor, array or list. Every value other than 0
            is a spike.
        ax: Axes to draw on; the current ones if None.
        dt: Step in seconds, for rates in Hz; rates are in spikes per step if None.
        columns: Maps in a row; as many as make the sheet about square if None.
        colorbar: True to draw the scale at the right, on an inset of `ax`.
        **artist: Passed to ``Axes.imshow``, such as ``cmap`` or ``vmax``.

    Returns:
        The axes. The image is the whole sheet, ``[rows, columns]``, masked between the maps.

    Raises:
        TypeError: If the data are not real numbers or `ax` is not an Axes.
        ValueError: If the shape is wrong, the data are not finite, or `dt` or `columns` is wrong.

    Example:
        >>> from matplotlib.figure import Figure
        >>> spk = np.zeros((4, 2, 1, 3))
        >>> spk[:2, 1] = 1
        >>> ax = rate_maps(spk, ax=Figure().subplots(), columns=1)
        >>> ax.images[0].get_array().filled(-1).tolist()
        [[0.0, 0.0, 0.0], [-1.0, -1.0, -1.0], [0.5, 0.5, 0.5]]

    Source: Gerstner et al., Neuronal Dynamics (2014), section 7.2, spike count over a window.
    """
    spikes = to_array(spk, "rate_maps: spk")
    if spikes.ndim != 4 or spikes.size == 0:
        raise ValueError(
            "rate_maps: spk must have shape [time, channel, height, width] and contain at least one value, "
            f"got {list(spikes.shape)}. Fix: take one sample of the batch"
        )
    require_finite(spikes, "rate_maps: spk")
    unit = step_seconds(dt, "rate_maps")
    num_steps, channels, height, width = spikes.shape
    square = math.ceil(math.sqrt(channels * height / width))
    expected = "rate_maps: columns must be a whole number of 1 or more"
    in_a_row = min(checked_whole(square if columns is None else columns, expected), channels)
    ax = given_or_current(ax, "rate_maps")

    rates = np.count_nonzero(spikes, axis=0) / (num_steps * unit)
    rows = math.ceil(channels / in_a_row)
    shape = (rows * (height + 1) - 1, in_a_row * (width + 1) - 1)
    sheet = np.ma.array(np.zeros(shape), mask=True)
    for i, rate in enumerate(rates):
        top, left = i // in_a_row * (height + 1), i % in_a_row * (width + 1)
        sheet[top : top + height, left : left + width] = rate
    # a silent layer has the color of 0, not of the middle of the scale
    style = image_style(artist, cmap="viridis", vmin=0, vmax=rates.max() or 1 / unit)
    image = ax.imshow(sheet, **style)
    ax.set_xticks(np.arange(in_a_row) * (width + 1) + (width - 1) / 2, [str(i) for i in range(in_a_row)])
    starts = [str(row * in_a_row) for row in range(rows)]
    ax.set_yticks(np.arange(rows) * (height + 1) + (height - 1) / 2, starts)
    if colorbar:
        color_bar(ax, image, rate_label(dt))
    label_axes(ax, "Channels after the first of the row", "First channel of the row")
    return ax
