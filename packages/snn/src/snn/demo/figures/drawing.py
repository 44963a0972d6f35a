"""Sheets on which the pictures of the report are drawn, and their conversion to pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SQUARE", "WIDTH", "Picture", "axes", "finished", "sheet"]

DOTS_PER_INCH = 160
# Inches: text of 10 points is then readable where a picture is as wide as a phone.
WIDTH, HEIGHT = 4.8, 3.2
# Height that leaves the axes about as high as wide, as a multiple of HEIGHT.
SQUARE = 1.4


class Picture(NamedTuple):
    """A picture as PNG, which may be animated; its description, for readers who cannot see it; its size in pixels."""

    png: bytes
    alt: str
    width: int
    height: int


def sheet(height: float = 1) -> Figure:
    """Return an empty figure as wide as all pictures of the report."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height * HEIGHT), dpi=DOTS_PER_INCH, layout="constrained")


def axes(height: float = 1) -> Axes:
    """Return axes that fill a `sheet`."""
    return sheet(height).subplots()


def finished(ax: Axes, alt: str) -> Picture:
    """Return the sheet of some axes as a picture."""
    figure = ax.figure.canvas.figure
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return Picture(target.getvalue(), alt, *figure.canvas.get_width_height())
