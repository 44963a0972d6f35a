"""Frames of events from an event camera, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from snn_plot.arrays import require_finite, to_array
from snn_plot.axes import given_or_current, step_seconds
from snn_plot.keywords import image_style
from snn_plot.numbers import checked_whole, is_number
from snn_plot.palette import BLUE, VERMILION

# Frames shown, and frames in a row, when the user names neither.
SHOWN = 8
IN_A_ROW = 4

# Color of a pixel without events, which stands out from a white page and from a dark one.
GROUND = 0.95
POLARITIES = {"OFF: darker": BLUE, "ON: brighter": VERMILION}


def event_frames(
    frames: Any,
    *,
    ax: Axes | None = None,
    dt: float | None = None,
    steps: Sequence[int] | None = None,
    columns: int | None = None,
    vmax: float | None = None,
    **artist: Any,
) -> Axes:
    r"""Draw frames of events as one sheet: blue where the scene got darker, vermilion where it got brighter.

    .. math:: color = ground \cdot \textstyle\prod_p \left(1 - \min(n_p / v_{max}, 1)\,(1 - color_p)\right)

    A pixel with events of both polarities takes both colors and is dark.

    Args:
        frames: Number of events, 0 or more, tensor, array or list: ``[time, 2, height, width]`` with OFF before ON,
            ``[time, 1, height, width]`` or ``[time, height, width]``.
        ax: Axes to draw on; the current ones if None.
        dt: Duration of a frame in seconds; frames are named by their step if None.
        steps: Frames to draw, at most as many as fit; eight spread over the recording if None.
        columns: Frames in a row; at most four if None.
        vmax: Events in a pixel that give the full color; the largest number drawn if None.
        **artist: Passed to ``Axes.imshow``.

    Returns:
        The axes. The image is the whole sheet, of shape ``[rows, columns, RGBA]``.

    Raises:
        TypeError: If the frames are not real numbers or `ax` is not an Axes.
        ValueError: If the shape is wrong, a number is negative or not finite, or `steps`, `columns`, `vmax` or `dt`
            is wrong.

    Example:
        >>> from matplotlib.figure import Figure
        >>> frames = np.zeros((3, 2, 5, 7))
        >>> ax = event_frames(frames, ax=Figure().subplots(), dt=0.01)
        >>> [text.get_text() for text in ax.texts]
        ['0 s', '0.01 s', '0.02 s']
    """
    counts = to_array(frames, "event_frames: frames")
    shape = list(counts.shape)
    if counts.ndim == 3:
        counts = counts[:, None]
    if counts.ndim != 4 or counts.shape[1] > 2 or counts.size == 0:
        raise ValueError(
            "event_frames: frames must have shape [time, 2, height, width] or [time, height, width] and contain "
            f"at least one pixel, got {shape}. Fix: take one sample of the batch"
        )
    require_finite(counts, "event_frames: frames")
    if counts.dtype.kind != "b" and counts.min() < 0:
        raise ValueError(
            f"event_frames: frames must contain numbers of events, 0 or more, got {counts.min()}. "
            "Fix: give OFF and ON separate channels"
        )
    unit = step_seconds(dt, "event_frames")
    chosen = _chosen(steps, len(counts))
    default = min(len(chosen), IN_A_ROW)
    expected = "event_frames: columns must be a whole number of 1 or more"
    in_a_row = checked_whole(default if columns is None else columns, expected)
    full = float(counts[chosen].max()) or 1.0 if vmax is None else vmax
    if not (is_number(full) and full > 0):
        raise ValueError(f"event_frames: vmax must be greater than 0, in events per pixel, got {vmax}")
    ax = given_or_current(ax, "event_frames")

    height, width = counts.shape[2:]
    # room for the name of a frame above it
    pitch_y, pitch_x = height + max(1, math.ceil(0.2 * height)), width + max(1, math.ceil(0.05 * width))
    rows = math.ceil(len(chosen) / in_a_row)
    sheet = np.zeros((rows * pitch_y, in_a_row * pitch_x - (pitch_x - width), 4))
    for i, step in enumerate(chosen):
        top, left = i // in_a_row * pitch_y + pitch_y - height, i % in_a_row * pitch_x
        sheet[top : top + height, left : left + width, :3] = _colors(counts[step] / float(full))
        sheet[top : top + height, left : left + width, 3] = 1
        name = f"step {step}" if dt is None else f"{step * unit:g} s"
        ax.text(left - 0.5, top - 0.6, name, ha="left", va="bottom", fontsize="small")
    ax.imshow(sheet, **image_style(artist))
    if counts.shape[1] == 2:
        handles = [Patch(color=color, label=label) for label, color in POLARITIES.items()]
        ax.legend(handles=handles, loc="upper right", bbox_to_anchor=(1, 0), ncols=2, frameon=False)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    if not ax.get_xlabel():
        ax.set_xlabel(f"{width} × {height} pixels", loc="left")
    return ax


def _chosen(steps: Sequence[int] | None, num_steps: int) -> list[int]:
    if steps is None:
        return np.linspace(0, num_steps - 1, min(SHOWN, num_steps)).round().astype(int).tolist()
    try:
        chosen = to_array(list(steps), "event_frames: steps")
    except TypeError:
        raise TypeError(f"event_frames: steps must be a list of whole numbers, got {steps!r:.60}") from None
    if chosen.dtype.kind not in "iu" or chosen.ndim != 1 or not ((chosen >= 0) & (chosen < num_steps)).all():
        raise ValueError(f"event_frames: steps must be whole numbers from 0 to {num_steps - 1}, got {list(steps)}")
    return chosen.tolist()


def _colors(shares: np.ndarray) -> np.ndarray:
    """Return the colors of one frame, ``[height, width, RGB]``, for shares of the full color ``[polarity, ...]``."""
    inks = list(POLARITIES.values())[-len(shares) :]
    colors = np.full((*shares.shape[1:], 3), GROUND)
    for share, ink in zip(shares, inks, strict=True):
        colors *= 1 - np.minimum(share, 1)[..., None] * (1 - np.array(to_rgb(ink)))
    return colors
