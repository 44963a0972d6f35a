"""The report of a conversion, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snn_core.results import Line, Result

_CLIPPED, _SILENT, _CORRELATION = 0.05, 0.1, 0.9  # beyond these, a layer is reported
_WIDER = {"qcfs": "train its threshold further", "percentile": "pass a higher percentile, or method='max'"}


@dataclass(frozen=True)
class Layer:
    """A row of a report: an activation of the network and the neurons in its place.

    Args:
        name: Its path in both nets; empty for the output.
        threshold: The activation that a rate of 1 stands for.
        clipped: Share of its input values in data that are above the threshold.
        silent: Share of its neurons that never fired, among those whose activation is above 0 in some sample.
        correlation: Pearson's correlation of activations and rates over samples and neurons, by number of steps; None
            where one of them does not vary.
        error: Mean absolute difference of activation and rate, in units of the threshold, by number of steps; for the
            output, in its own units.
    """

    name: str
    threshold: float | None
    clipped: float | None
    silent: float | None
    correlation: dict[int, float | None]
    error: dict[int, float]

    def problems(self, method: str) -> list[str]:
        """List what makes the rates of this layer differ from its activations, and what to do with this method."""
        if self.threshold is None or self.clipped is None or self.silent is None:
            return []
        steps = max(self.correlation)
        correlation = self.correlation[steps]
        results = []
        if self.clipped > _CLIPPED:
            results.append(
                f"{100 * self.clipped:.3g} % of the input of '{self.name}' is above its threshold "
                f"{self.threshold:.4g}: {_WIDER.get(method, 'pass more data')}"
            )
        if self.silent > _SILENT:
            results.append(
                f"{100 * self.silent:.3g} % of the neurons of '{self.name}' that should fire do not in {steps} steps: "
                "run more steps, or lower its threshold"
            )
        if correlation is None or correlation < _CORRELATION:
            how = "do not vary" if correlation is None else f"have correlation {correlation:.3g} with its activations"
            results.append(
                f"the rates of '{self.name}' {how} after {steps} steps: run more, or look at the layers before it"
            )
        return results


@dataclass(frozen=True, repr=False)
class Report(Result):
    """The report of :func:`~snn_functional.from_ann`: a table when printed, HTML in a notebook, data by ``to_dict``.

    Args:
        method: How the thresholds were chosen.
        layers: A row for each activation, and a last one for the output.
        accuracy: Share of correctly classified samples, by number of steps; empty without labels.
        ann_accuracy: The accuracy of the network itself; None without labels.
        samples: Number of samples on which the two were compared.
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
        """Return the report as JSON data."""
        return super().to_dict() | {"problems": self.problems}

    def _lines(self) -> list[Line]:
        steps = ", ".join(map(str, self.layers[-1].error))
        head = ("layer", "threshold", "clipped", "silent", f"correlation at T = {steps}", "error")
        lines = [f"thresholds by {self.method}, compared on {self.samples:,} samples"]
        if self.ann_accuracy is not None:
            shares = ", ".join(f"{100 * share:.2f} % at T = {steps}" for steps, share in self.accuracy.items())
            lines.append(f"accuracy: {shares}; the network {100 * self.ann_accuracy:.2f} %")
        problems = (problem for problems in self.problems.values() for problem in problems)
        return [head, *map(_cells, self.layers), *lines, *problems]


def _cells(layer: Layer) -> tuple[str, ...]:
    correlation = ["-" if value is None else f"{value:.3f}" for value in layer.correlation.values()]
    return (
        layer.name or "output",
        "" if layer.threshold is None else f"{layer.threshold:.4g}",
        *("-" if share is None else f"{100 * share:.3g} %" for share in (layer.clipped, layer.silent)),
        " ".join(correlation),
        " ".join(f"{value:.2g}" for value in layer.error.values()),
    )
