"""Colors that readers with color-vision deficiency can distinguish."""

from __future__ import annotations

import matplotlib
import numpy as np

BLUE = "#0072B2"
VERMILION = "#D55E00"
ORANGE = "#E69F00"

# Okabe and Ito's set, darkest first; its yellow is left out because a thin line of it vanishes on white.
DISTINCT = (BLUE, VERMILION, "#009E73", "#CC79A7", ORANGE, "#56B4E9", "#7F7F7F")

# A neutral half-transparent gray reads on light and on dark backgrounds.
BAND = (0.5, 0.5, 0.5, 0.12)


def line_colors(count: int) -> list[str | tuple[float, ...]]:
    """Return one color per line: the distinct set while it lasts, else evenly spaced colors of a sequential map.

    Source: Okabe and Ito, Color Universal Design (2008); viridis is matplotlib's.
    """
    if count <= len(DISTINCT):
        return list(DISTINCT[:count])
    # the lightest tenth of viridis is too pale for a line on white
    return [tuple(rgba) for rgba in matplotlib.colormaps["viridis"](np.linspace(0, 0.9, count)).tolist()]
