"""The result of a diagnosis, as a table and as data."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snn_core.backends import SEVERITIES
from snn_core.results import Line, Result, share
from snn_functional._messages import must
from snn_functional.diagnosis.finding import Finding, described


@dataclass(frozen=True)
class Layer:
    """The activity of the neurons of one layer.

    Args:
        module: Path of the layer.
        kind: Its class.
        neurons: Number of neurons; None, like the next three, if they return no spikes.
        rate: Mean firing rate, in spikes per step.
        dead: Number of neurons that never fired.
        saturated: Number of neurons that fired in nearly every step.
        gradient: Norm of the loss's gradient to the membranes in each step, or to the spikes if the membranes are
            not visible; None if the loss has no gradient or the layer runs all steps at once.
        kernel: Name of the package whose kernel runs the layer in ``unroll``, ``"reference"`` if none does; None
            if it is not a ``SpikingNeuron``.
        why: Reason for the kernel, or for none.
    """

    module: str
    kind: str
    neurons: int | None
    rate: float | None
    dead: int | None
    saturated: int | None
    gradient: tuple[float, ...] | None
    kernel: str | None = None
    why: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the layer as a row of a table."""
        counts = [_of(count, self.neurons) for count in (self.dead, self.saturated)]
        ends = "-" if not self.gradient else f"{self.gradient[0]:.1e} .. {self.gradient[-1]:.1e}"
        neurons = "-" if self.neurons is None else str(self.neurons)
        return self.module or "the net", self.kind, neurons, share(self.rate), *counts, ends, self.kernel or "-"


@dataclass(frozen=True, repr=False)
class Diagnosis(Result):
    """The result of :func:`~snn_functional.diagnose`. Printed, it is a table of the layers and the list of findings.

    Findings of one kind with the same remedy are printed as one, which names their layers.

    Args:
        findings: Findings, beginning with the worst.
        layers: The layers of neurons, in the order in which they were called.

    Raises:
        TypeError: If ``findings`` or ``layers`` are of another kind.

    Example:
        >>> found = Diagnosis([Finding("zero_input", "error", "", 0.0, "The batch is zero.", "Look at the data.")])
        >>> found.ok, found.to_dict()["findings"][0]["code"]
        (False, 'zero_input')
    """

    findings: Sequence[Finding]
    layers: Sequence[Layer] = ()

    def __post_init__(self) -> None:
        for name, kind in (("findings", Finding), ("layers", Layer)):
            value = getattr(self, name)
            if not isinstance(value, list | tuple) or not all(isinstance(item, kind) for item in value):
                raise TypeError(must(name, f"be a list of {kind.__name__}", repr(value)))
        ordered = sorted(self.findings, key=lambda item: SEVERITIES.index(item.severity))
        object.__setattr__(self, "findings", ordered)

    @property
    def ok(self) -> bool:
        """True if there is no error; there may be warnings."""
        return all(finding.severity != "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as JSON data.

        Returns:
            A dict with ``ok``, and ``findings`` and ``layers`` as lists of dicts.

        Example:
            >>> Diagnosis([]).to_dict()
            {'ok': True, 'findings': [], 'layers': []}
        """
        return {"ok": self.ok, **super().to_dict()}

    def as_dict(self) -> dict[str, Any]:
        """Return ``to_dict()``: the former name, which is deprecated."""
        warnings.warn("Diagnosis.as_dict() is now called to_dict()", DeprecationWarning, stacklevel=2)
        return self.to_dict()

    def _lines(self) -> list[Line]:
        groups: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
        for finding in self.findings:
            groups[finding.severity, finding.code, finding.remedy].append(finding)
        counts = {kind: sum(finding.severity == kind for finding in self.findings) for kind in SEVERITIES}
        named = [f"{n} {kind}{'s' if n > 1 and kind != 'info' else ''}" for kind, n in counts.items() if n]
        texts = map(described, groups.values())
        head = ("layer", "kind", "neurons", "rate", "dead", "saturated", "gradient, first .. last step", "kernel")
        table = [head, *(layer.cells() for layer in self.layers)] if self.layers else []
        return [*table, *self._fused(), *texts, ", ".join(named) or "nothing wrong was found"]

    def _fused(self) -> list[str]:
        """Return lines that say how many layers run fused, and why the others do not."""
        layers = [layer for layer in self.layers if layer.kernel is not None]
        others = [layer for layer in layers if layer.kernel == "reference"]
        if not layers:
            return []
        count = f"{len(layers) - len(others)} of {len(layers)} layers of neurons run fused in unroll"
        return [count, *(f"  {layer.module or 'the net'} does not: {layer.why}" for layer in others)]


def _of(count: int | None, number: int | None) -> str:
    return "-" if count is None or not number else f"{count} ({100 * count / number:.0f} %)"
