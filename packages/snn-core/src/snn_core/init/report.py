"""A report of the scaling of the weights before each neuron, as rows and as a table."""

from __future__ import annotations

from typing import Any, NamedTuple

from snn_core.results import Line, Result


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


class Scaling(Result, tuple[Scaled, ...]):
    """A tuple of the factors for all layers of neurons, in the order of the net; it prints as a table.

    Example:
        >>> print(Scaling([Scaled("1", ("0",), 12.3456, 0.0, 0.1012)]))
        neuron  layers  factor  rate before  rate after
        1       0       12.35   0            0.101
    """

    __slots__ = ()

    def _lines(self) -> list[Line]:
        head = ("neuron", "layers", "factor", "rate before", "rate after")
        rows = [
            (row.path or "the net", ", ".join(row.layers), f"{row.factor:.4g}", f"{row.before:.3g}", f"{row.after:.3g}")
            for row in self
        ]
        return [head, *rows]

    def to_dict(self) -> dict[str, Any]:
        """Return the factors as JSON data."""
        return {"neurons": [row._asdict() for row in self]}
