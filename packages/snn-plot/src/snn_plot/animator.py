"""Frames of spikes or of a membrane, shown one after another."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snn_plot.animation import Animation
from snn_plot.arrays import require_finite, to_array
from snn_plot.axes import given_or_current
from snn_plot.numbers import whole


def animator(
    data: Any,
    fig: Figure,
    ax: Axes,
    num_steps: int | None = None,
    interval: float = 40,
    cmap: str = "plasma",
) -> Animation:
    """Animate one sample of image-shaped data over time.

    One image is drawn and its pixels are replaced from frame to frame.

    Args:
        data: ``[time, height, width]``: tensor, array or list.
        fig: Figure that holds `ax`.
        ax: Axes to draw on; its frame and ticks are hidden.
        num_steps: How many steps to show; all if None or False.
        interval: Delay between frames in milliseconds.
        cmap: Matplotlib color map, scaled to the smallest and largest value of `data`.

    Returns:
        The animation; keep it in a variable, and ``save`` or display it: see `Animation`.

    Raises:
        TypeError: If the data are not real numbers or `ax` is not an Axes.
        ValueError: If the shape is wrong, the data are not finite, `num_steps` exceeds them, or `ax` is not in `fig`.

    Example:
        >>> import pathlib, tempfile, torch
        >>> from matplotlib.figure import Figure
        >>> fig = Figure(figsize=(1, 1))
        >>> animation = animator(torch.eye(3).reshape(3, 1, 3), fig, fig.subplots())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     animation.save(f"{folder}/spikes.gif")
        ...     pathlib.Path(f"{folder}/spikes.gif").read_bytes()[:3]
        b'GIF'

    Source: ``snntorch.spikeplot.animator`` (snnTorch 1.0.0), for the call.
    """
    frames = np.array(to_array(data, "animator: data"))  # a copy, which keeps the film as it is when the data change
    if frames.ndim != 3 or frames.size == 0:
        raise ValueError(f"animator: data must have shape [time, height, width], got {list(frames.shape)}")
    require_finite(frames, "animator: data")
    ax = given_or_current(ax, "animator")
    if ax.figure.canvas is not getattr(fig, "canvas", None):
        raise ValueError("animator: ax must be in fig. Fix: pass the two that plt.subplots() returns")
    shown = whole(num_steps or len(frames))
    if shown is None or shown > len(frames):
        raise ValueError(
            f"animator: num_steps must be 1 to {len(frames)} whole steps, the length of data, got {num_steps}"
        )
    image = ax.imshow(frames[0], cmap=cmap, vmin=frames.min(), vmax=frames.max(), interpolation="nearest")
    ax.set_axis_off()

    def show(step: int) -> list[Any]:
        image.set_data(frames[step])
        return [image]

    return Animation(ax.figure.canvas.figure, show, shown, interval, blit=True)
