"""The order of neurons in the rows of a plot, and the labels beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from snn_plot.arrays import to_array
from snn_plot.axes import whole_ticks


def names_for(labels: Sequence[object] | None, count: int, caller: str) -> list[str] | None:
    """Return labels as strings, after checking that there is one per neuron or class; None if there are none."""
    if labels is None:
        return None
    names = texts(labels, caller, "labels")
    if len(names) != count:
        raise ValueError(
            f"{caller}: labels must have one label for each of {count} rows or columns of data, got {len(names)}"
        )
    return names


def texts(several: Any, caller: str, name: str) -> list[str]:
    """Return each item of a sequence as a string, or raise a TypeError if it is not a sequence."""
    try:
        return [str(item) for item in several]
    except TypeError:
        raise TypeError(f"{caller}: {name} must be a list of strings, got {several!r:.60}") from None


def row_order(order: Any, neurons: int, caller: str) -> list[int]:
    """Return the neuron of each row from the bottom, after checking that an order, if any, names each once."""
    if order is None:
        return list(range(neurons))
    rows = to_array(order, f"{caller}: order")
    if rows.dtype.kind not in "iu" or sorted(rows.ravel().tolist()) != list(range(neurons)):
        raise ValueError(f"{caller}: order must name each neuron from 0 to {neurons - 1} once, got {order!r}")
    return rows.ravel().tolist()


def label_rows(ax: Axes, names: list[str] | None, rows: list[int]) -> None:
    """Write the name of each row's neuron, or its index, along the y axis."""
    if names is not None:
        ax.set_yticks(range(len(rows)), [names[row] for row in rows])
        return
    whole_ticks(ax.yaxis)
    if rows != sorted(rows):
        ax.yaxis.set_major_formatter(lambda y, _: str(rows[round(y)]) if 0 <= round(y) < len(rows) else "")
