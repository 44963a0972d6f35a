"""A table of predicted classes over true classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from snn_plot.arrays import to_array
from snn_plot.axes import given_or_current, label_axes
from snn_plot.keywords import image_style
from snn_plot.rows import names_for

# More cells than this leave no room for a readable number.
WRITE_COUNTS_UP_TO = 20


def confusion_matrix(
    counts: Any,
    *,
    ax: Axes | None = None,
    labels: Sequence[object] | None = None,
    **artist: Any,
) -> Axes:
    r"""Draw a confusion matrix: one row per true class, one column per predicted class.

    .. math:: shade_{ij} = counts_{ij} / \textstyle\sum_k counts_{ik}

    The shade is the share of the samples of the row's class, so rare classes are as readable as frequent ones. The
    number in a cell is the count, left out where it is 0 and with more than 20 classes.

    Args:
        counts: Samples of true class ``i`` predicted as ``j``, whole numbers of shape ``[classes, classes]``.
        ax: Axes to draw on; the current ones if None.
        labels: Name of each class; its index if None.
        **artist: Passed to ``Axes.imshow``, such as ``cmap``.

    Returns:
        The axes.

    Raises:
        TypeError: If the counts are not real numbers or `ax` is not an Axes.
        ValueError: If the counts are not a square matrix of whole numbers, 0 or more, or the labels do not fit.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = confusion_matrix([[9, 1], [0, 5]], ax=Figure().subplots(), labels=["no", "yes"])
        >>> ax.images[0].get_array().tolist()
        [[0.9, 0.1], [0.0, 1.0]]
        >>> [text.get_text() for text in ax.texts]
        ['9', '1', '5']
    """
    table = to_array(counts, "confusion_matrix: counts")
    if table.ndim != 2 or table.shape[0] != table.shape[1] or table.size == 0:
        raise ValueError(
            f"confusion_matrix: counts must have shape [classes, classes], true by predicted, got {list(table.shape)}"
        )
    if (table < 0).any() or not np.isfinite(table).all() or (table != np.round(table)).any():
        raise ValueError("confusion_matrix: counts must be whole numbers, 0 or more. Fix: pass the counts, not shares")
    classes = len(table)
    names = names_for(labels, classes, "confusion_matrix")
    ax = given_or_current(ax, "confusion_matrix")

    # a class without samples has no shares; its row stays at 0
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(shares, **image_style(artist, cmap="Blues", vmin=0, vmax=1))
    if classes <= WRITE_COUNTS_UP_TO:
        for i, j in zip(*np.nonzero(table), strict=True):
            red, green, blue, _ = image.to_rgba(shares[i : i + 1, j : j + 1])[0, 0]
            # luminance of Rec. 709 decides between dark and light text
            dark_cell = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5
            ax.text(j, i, f"{int(table[i, j])}", ha="center", va="center", color="white" if dark_cell else "black")
    if names is not None or classes <= WRITE_COUNTS_UP_TO:
        names = [str(i) for i in range(classes)] if names is None else names
        ax.set_xticks(range(classes), names)
        ax.set_yticks(range(classes), names)
    label_axes(ax, "Predicted class", "True class")
    return ax
