"""The weights of a layer, as colors."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from snn_plot.arrays import require_finite, to_array
from snn_plot.axes import color_bar, given_or_current, label_axes, whole_ticks
from snn_plot.keywords import image_style


def weights(
    weight: Any,
    *,
    ax: Axes | None = None,
    colorbar: bool = True,
    **artist: Any,
) -> Axes:
    """Draw the weights of a dense or convolutional layer: red excites, blue inhibits, white is 0.

    The scale is symmetric about 0. In a convolution every kernel is one tile: a row of tiles is an output channel, a
    column is an input channel.

    Args:
        weight: ``[out, in]`` as in ``nn.Linear``, or ``[out, in, height, width]`` as in ``nn.Conv2d``: tensor, array or
            list.
        ax: Axes to draw on; the current ones if None.
        colorbar: True to draw the scale at the right, on an inset of `ax`.
        **artist: Passed to ``Axes.imshow``, such as ``cmap``, ``vmin`` or ``aspect``.

    Returns:
        The axes.

    Raises:
        TypeError: If the weights are not real numbers or `ax` is not an Axes.
        ValueError: If the shape is wrong, or a weight is not finite.

    Example:
        >>> from matplotlib.figure import Figure
        >>> import torch
        >>> ax = weights(torch.tensor([[0.5, -1.0]], requires_grad=True), ax=Figure().subplots())
        >>> ax.images[0].get_array().tolist(), ax.images[0].get_clim()
        ([[0.5, -1.0]], (-1.0, 1.0))
    """
    matrix = to_array(weight, "weights: weight")
    if matrix.ndim not in (2, 4) or matrix.size == 0:
        raise ValueError(
            "weights: weight must have shape [out, in] or [out, in, height, width] and contain at least one value, "
            f"got {list(matrix.shape)}"
        )
    require_finite(matrix, "weights: weight")
    ax = given_or_current(ax, "weights")

    # as floats, since int8 has no 128
    largest = float(np.abs(matrix.astype(np.float64)).max()) or 1.0
    aspect = "auto" if matrix.ndim == 2 else None
    style = image_style(artist, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect=aspect)
    if matrix.ndim == 2:
        image = ax.imshow(matrix, **style)
        whole_ticks(ax.xaxis)
        whole_ticks(ax.yaxis)
        across, down = "Input neuron", "Output neuron"
    else:
        rows, columns, height, width = matrix.shape
        image = ax.imshow(matrix.transpose(0, 2, 1, 3).reshape(rows * height, columns * width), **style)
        for x in range(1, columns):
            ax.axvline(x * width - 0.5, color="0.5", linewidth=1)
        for y in range(1, rows):
            ax.axhline(y * height - 0.5, color="0.5", linewidth=1)
        ax.set_xticks(np.arange(columns) * width + (width - 1) / 2, [str(i) for i in range(columns)])
        ax.set_yticks(np.arange(rows) * height + (height - 1) / 2, [str(i) for i in range(rows)])
        across, down = "Input channel", "Output channel"
    if colorbar:
        color_bar(ax, image, "Weight")
    label_axes(ax, across, down)
    return ax
