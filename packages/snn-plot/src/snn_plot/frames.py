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
from PIL import Image

Show = Callable[[int], Sequence[Artist]]


class Run(NamedTuple):
    """Artists that move and are drawn one after another, and the layer above them, which is drawn once."""

    moving: list[Artist]
    above: tuple[int, int, np.ndarray] | None  # its distance from left and bottom, and its pixels from the bottom up


def drawn_anew(canvas: FigureCanvasAgg, show: Show, frames: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the pixels of the whole figure for each frame, RGBA ``[height, width, 4]``; the next ones replace them."""
    for frame in frames:
        show(frame)
        canvas.draw()
        yield np.asarray(canvas.buffer_rgba())


def drawn_in_layers(canvas: FigureCanvasAgg, show: Show, frames: Sequence[int]) -> Iterator[np.ndarray]:
    """Draw the artists that ``show`` returns for each frame between layers of all others, which are drawn once.

    The pixels are those of `drawn_anew`, up to rounding; the layout is that of the first frame.
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
        elif box := Image.fromarray(pixels).getbbox():  # of what is not transparent
            left, top, right, bottom = box
            above = left, len(pixels) - bottom, pixels[top:bottom, left:right][::-1].copy()
            runs[-1] = runs[-1]._replace(above=above)
    return ground, runs
