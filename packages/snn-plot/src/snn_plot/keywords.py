"""The keywords of an artist: the user's, and the defaults that these leave open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.artist import Artist
from matplotlib.cbook import normalize_kwargs
from matplotlib.patches import StepPatch

__all__ = ["completed"]


def completed(chosen: Mapping[str, Any], artist: type[Artist], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the user's keywords with the defaults of those that the user leaves open, under whichever name.

    Args:
        chosen: The user's keywords.
        artist: The kind of artist that they make, which has its own short names.
        defaults: The keywords that hold unless the user names them. The limits of a scale also give way to a ``norm``,
            and the color of bars to that of their faces, or of steps to that of their line.

    Example:
        >>> from matplotlib.lines import Line2D
        >>> completed({"lw": 3}, Line2D, {"linewidth": 1.5, "marker": "o"})
        {'marker': 'o', 'lw': 3}
    """
    closed = normalize_kwargs(dict(chosen), artist).keys()
    if "norm" in closed:
        closed |= {"vmin", "vmax"}
    if "facecolor" in closed or (artist is StepPatch and "edgecolor" in closed):
        closed |= {"color"}
    left = {name: value for name, value in defaults.items() if closed.isdisjoint(normalize_kwargs({name: 0}, artist))}
    return left | dict(chosen)
