"""The keywords of an artist: the user's, and defaults for the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.artist import Artist
from matplotlib.cbook import normalize_kwargs
from matplotlib.image import AxesImage
from matplotlib.patches import StepPatch


def completed(chosen: Mapping[str, Any], artist: type[Artist], /, **defaults: Any) -> dict[str, Any]:
    """Return the user's keywords for a kind of artist, with defaults for those that the user does not pass.

    A default gives way to a keyword under any of its names. The limits of a scale also give way to a ``norm``, and the
    color of bars to that of their faces, or of steps to that of their line.
    """
    closed = normalize_kwargs(dict(chosen), artist).keys()
    if "norm" in closed:
        closed |= {"vmin", "vmax"}
    if "facecolor" in closed or (artist is StepPatch and "edgecolor" in closed):
        closed |= {"color"}
    left = {name: value for name, value in defaults.items() if closed.isdisjoint(normalize_kwargs({name: 0}, artist))}
    return left | dict(chosen)


def image_style(chosen: Mapping[str, Any], **defaults: Any) -> dict[str, Any]:
    """Return the completed keywords of an image of exact values, the first row at the top."""
    return completed(chosen, AxesImage, interpolation="nearest", origin="upper", **defaults)
