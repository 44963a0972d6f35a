"""A report of the scaling of the weights before each neuron, as rows and as a table."""

from __future__ import annotations

from typing import NamedTuple


class Scaled(NamedTuple):
    """The factor for the weights before one layer of neurons.

    Args:
        path: Path of the neuron in the net.
        layers: Paths of the layers that feed it.
        factor: Factor of their weights and biases.
        before: Mean rate before, in spikes per step.
        after: Mean rate after.
    """

    path: str
    layers: tuple[str, ...]
    factor: float
    before: float
    after: float


class Scaling(tuple[Scaled, ...]):
    """A tuple of the factors for all layers of neurons, in the order of the net; it prints as a table.

    Example:
        >>> print(Scaling([Scaled("1", ("0",), 12.3456, 0.0, 0.1012)]))
        neuron  layers  factor  rate before  rate after
        1       0       12.35   0            0.101
    """

    __slots__ = ()

    def __str__(self) -> str:
        head = ("neuron", "layers", "factor", "rate before", "rate after")
        cells = [
            (row.path or "the net", ", ".join(row.layers), f"{row.factor:.4g}", f"{row.before:.3g}", f"{row.after:.3g}")
            for row in self
        ]
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
        rows = (zip(row, widths, strict=True) for row in (head, *cells))
        return "\n".join("  ".join(f"{cell:<{width}}" for cell, width in row).rstrip() for row in rows)
