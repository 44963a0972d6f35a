"""The scale of an image's colors, to the right of its axes."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

__all__ = ["color_bar"]


def color_bar(ax: Axes, image: ScalarMappable, text: str) -> None:
    """Draw the color scale of an image on an inset of its axes.

    An inset belongs to `ax`: no other axes of the figure lose space, and the figure's list of axes stays the same.

    Example:
        >>> from matplotlib.figure import Figure
        >>> figure = Figure()
        >>> ax = figure.subplots()
        >>> color_bar(ax, ax.imshow([[0, 1]]), "Weight")
        >>> figure.axes == [ax], ax.child_axes[0].get_ylabel()
        (True, 'Weight')
    """
    scale = ax.inset_axes((1.02, 0.0, 0.03, 1.0))
    ax.figure.colorbar(image, cax=scale, label=text)
