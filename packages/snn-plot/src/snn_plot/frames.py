"""The frames of a film as pixels; if only some artists move, the others are drawn once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure

__all__ = ["drawn_anew", "drawn_in_layers"]

Show = Callable[[int], Sequence[Artist]]


class Run(NamedTuple):
    """Artists that move and are drawn one after another, and the layer above them, which is drawn once.

    ``above`` is the distance of its pixels from the left and from the bottom, and the pixels from the bottom up.
    """

    moving: list[Artist]
    above: tuple[int, int, np.ndarray] | None


def drawn_anew(canvas: FigureCanvasAgg, show: Show, frames: Sequence[int]) -> Iterator[np.ndarray]:
    """Draw the whole figure for each frame.

    Returns:
        RGBA of each frame, ``[height, width, 4]``; the next one replaces it.

    Example:
        >>> figure = Figure(figsize=(3, 2), dpi=10)
        >>> [pixels.shape for pixels in drawn_anew(FigureCanvasAgg(figure), lambda frame: [], range(2))]
        [(20, 30, 4), (20, 30, 4)]
    """
    for frame in frames:
        show(frame)
        canvas.draw()
        yield np.asarray(canvas.buffer_rgba())


def drawn_in_layers(canvas: FigureCanvasAgg, show: Show, frames: Sequence[int]) -> Iterator[np.ndarray]:
    """Draw the artists that ``show`` returns for each frame, between layers of all others, which are drawn once.

    Returns:
        RGBA of each frame as in `drawn_anew`, up to rounding; the layout is that of the first frame.

    Example:
        >>> figure = Figure(figsize=(3, 2), dpi=10)
        >>> [pixels.shape for pixels in drawn_in_layers(FigureCanvasAgg(figure), lambda frame: [], range(2))]
        [(20, 30, 4), (20, 30, 4)]
    """
    moving = show(frames[0])
    # this settles the layout and the limits
    canvas.draw()
    order = _order(canvas.figure, moving)
    if not all(artist in order for artist in moving):
        # some are parts of other artists and cannot be drawn without them
        yield from drawn_anew(canvas, show, frames)
        return
    renderer, pixels = canvas.get_renderer(), np.asarray(canvas.buffer_rgba())
    ground, runs = _layers(renderer, pixels, order, moving)
    for frame in frames:
        show(frame)
        pixels[:] = ground
        for run in runs:
            for artist in run.moving:
                artist.draw(renderer)
            if run.above is not None:
                renderer.draw_image(renderer.new_gc(), *run.above)
        yield pixels


def _order(figure: Figure, moving: Sequence[Artist]) -> list[Artist]:
    """Return the parts of a figure, in matplotlib's drawing order; axes in which nothing moves are one part."""
    order: list[Artist] = [figure.patch]
    for part in sorted(figure.get_children(), key=lambda artist: artist.zorder):
        if part is figure.patch:
            continue
        if isinstance(part, Axes) and part.get_visible() and any(artist.axes is part for artist in moving):
            order += _order_in(part)
        else:
            order.append(part)
    return order


def _order_in(ax: Axes) -> list[Artist]:
    framed = ax.axison and ax.get_frame_on()
    hidden: set[Artist] = {ax.patch}
    if not framed:
        hidden |= set(ax.spines.values())
    if not ax.axison:
        hidden |= {ax.xaxis, ax.yaxis}
    children = [artist for artist in ax.get_children() if artist not in hidden]
    return [ax.patch] * framed + sorted(children, key=lambda artist: artist.zorder)


def _layers(
    renderer: RendererAgg, pixels: np.ndarray, order: list[Artist], moving: Sequence[Artist]
) -> tuple[np.ndarray, list[Run]]:
    """Return the ground below everything that moves, and the runs above it."""
    ground, runs = pixels, []
    for moves, artists in itertools.groupby(order, key=moving.__contains__):
        if moves:
            runs.append(Run(list(artists), None))
            continue
        renderer.clear()
        for artist in artists:
            artist.draw(renderer)
        if not runs:
            ground = pixels.copy()
        elif pixels[..., 3].any():
            runs[-1] = runs[-1]._replace(above=_cropped(pixels))
    return ground, runs


def _cropped(pixels: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Return the opaque part of a layer, with its distance in pixels from the left and from the bottom."""
    inked = pixels[..., 3] > 0
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    return int(left), int(len(pixels) - bottom), pixels[top:bottom, left:right][::-1].copy()
