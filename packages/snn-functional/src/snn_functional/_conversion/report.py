"""The report of a conversion, layer by layer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from snn_functional._table import Row, Table

_CLIPPED, _SILENT, _CORRELATION = 0.05, 0.1, 0.9  # beyond which a layer is named
_WIDER = {"qcfs": "train its threshold on", "percentile": "pass a higher percentile, or method='max'"}


@dataclass(frozen=True)
class Layer:
    """A row of a report: an activation of the network and the neurons in its place.

    Args:
        name: Its path in both nets; empty for what the nets give.
        threshold: The activation that a rate of 1 stands for.
        clipped: Share of the values that it takes in data which are above the threshold.
        silent: Share of its neurons that never fired, of those whose activation is above 0 in some sample.
        correlation: Pearson's correlation of activations and rates over samples and neurons, by number of steps; None
            where one of them does not vary.
        error: Mean absolute difference of activation and rate, in units of the threshold, by number of steps; of what
            the nets give, in its own units.
    """

    name: str
    threshold: float | None
    clipped: float | None
    silent: float | None
    correlation: dict[int, float | None]
    error: dict[int, float]

    def problems(self, method: str) -> list[str]:
        """Say what keeps the rates of this layer from its activations, and what to do by this method."""
        if self.threshold is None or self.clipped is None or self.silent is None:
            return []
        steps = max(self.correlation)
        correlation = self.correlation[steps]
        results = []
        if self.clipped > _CLIPPED:
            results.append(
                f"{100 * self.clipped:.3g} % of what '{self.name}' takes is above its threshold {self.threshold:.4g}: "
                f"{_WIDER.get(method, 'pass more data')}"
            )
        if self.silent > _SILENT:
            results.append(
                f"{100 * self.silent:.3g} % of the neurons of '{self.name}' that should fire do not in {steps} steps: "
                "run more, or lower its threshold"
            )
        if correlation is None or correlation < _CORRELATION:
            how = "do not vary" if correlation is None else f"correlate by {correlation:.3g} with its activations"
            results.append(
                f"the rates of '{self.name}' {how} after {steps} steps: run more, or look at layers before it"
            )
        return results


@dataclass(frozen=True)
class Report(Table):
    """The report of :func:`~snn_functional.from_ann`: a table when printed, HTML in a notebook, data by ``to_dict``.

    Args:
        method: How thresholds were found.
        layers: A row for each activation, and a last one for what the nets give.
        accuracy: Share of the samples told right, by number of steps; empty without labels.
        ann_accuracy: The same of the network; None without labels.
        samples: Number of samples looked at.
    """

    method: str
    layers: tuple[Layer, ...]
    accuracy: dict[int, float]
    ann_accuracy: float | None
    samples: int

    @property
    def problems(self) -> dict[str, list[str]]:
        """Problems of layers, by path; layers without a problem are left out."""
        results = {layer.name: layer.problems(self.method.split()[0]) for layer in self.layers}
        return {name: problems for name, problems in results.items() if problems}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON takes it."""
        return asdict(self) | {"problems": self.problems}

    def rows(self) -> list[Row]:
        steps = ", ".join(map(str, self.layers[-1].error))
        head = ("layer", "threshold", "clipped", "silent", f"correlation at T = {steps}", "error")
        return [head, *map(_cells, self.layers)]

    def notes(self) -> list[str]:
        lines = [f"thresholds by {self.method}, looked at in {self.samples:,} samples"]
        if self.ann_accuracy is not None:
            shares = ", ".join(f"{100 * share:.2f} % at T = {steps}" for steps, share in self.accuracy.items())
            lines.append(f"accuracy: {shares}; the network {100 * self.ann_accuracy:.2f} %")
        return [*lines, *(problem for problems in self.problems.values() for problem in problems)]


def _cells(layer: Layer) -> Row:
    correlation = ["-" if value is None else f"{value:.3f}" for value in layer.correlation.values()]
    return (
        layer.name or "output",
        "" if layer.threshold is None else f"{layer.threshold:.4g}",
        *("-" if share is None else f"{100 * share:.3g} %" for share in (layer.clipped, layer.silent)),
        " ".join(correlation),
        " ".join(f"{value:.2g}" for value in layer.error.values()),
    )
