"""The evidence that the checks examine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from snn_functional.diagnosis._record import Record, Trace
from snn_functional.diagnosis.finding import Finding
from snn_functional.diagnosis.limits import Limits

SILENT = ("silent_layer", "silent_output", "unreachable_threshold")


@dataclass
class Evidence:
    """A net, its input, and the results of its run.

    Args:
        net: The net itself, which is never run.
        batch: Its input ``[T, batch, ...]``.
        targets: The targets of ``loss_fn``, or None.
        optimizer: The optimizer of the net, or None.
        limits: The limits beyond which findings are reported.
        own_loop: True if the user's function runs the net.
    """

    net: nn.Module
    batch: Tensor
    targets: Any
    optimizer: torch.optim.Optimizer | None
    limits: Limits
    own_loop: bool
    findings: list[Finding] = field(default_factory=list)
    record: Record | None = None
    loss: Tensor | None = None
    gradients: dict[str, Tensor | None] = field(default_factory=dict)  # of parameters, by name
    over_time: dict[str, list[Tensor | None]] = field(default_factory=dict)  # of membranes, call by call
    heard: dict[str, bool] = field(default_factory=dict)  # True if the loss depends on a layer's spikes
    faults: int | None = None  # page faults of a step of training, if they were measured

    def found(self, *codes: str) -> bool:
        """Return True if one of these codes was reported already."""
        return any(finding.code in codes for finding in self.findings)

    def found_in(self, module: str, code: str) -> bool:
        """Return True if a code was reported already for this layer."""
        return any((finding.module, finding.code) == (module, code) for finding in self.findings)

    def cannot_fire(self, module: str | None = None) -> bool:
        """Return True if a layer, this one or any, was reported as silent and unable to learn to fire."""
        return any(
            finding.code in SILENT and finding.severity == "error" and module in (None, finding.module)
            for finding in self.findings
        )

    def traces(self) -> list[Trace]:
        """Return the layers of neurons that were called."""
        return [] if self.record is None else self.record.traces()

    def steps(self, path: str) -> int:
        """Return the number of steps that a layer ran, or is going to run."""
        ran = None if self.record is None else self.record.neurons.get(path)
        return len(self.batch) if ran is None else ran.steps


Check = Callable[[Evidence], Iterator[Finding]]


def error(code: str, module: str, value: float | None, message: str, remedy: str) -> Finding:
    """Return a finding that prevents a net from learning."""
    return Finding(code, "error", module, value, message, remedy)


def warning(code: str, module: str, value: float | None, message: str, remedy: str) -> Finding:
    """Return a finding that probably prevents a net from learning."""
    return Finding(code, "warning", module, value, message, remedy)


def info(code: str, module: str, value: float | None, message: str, remedy: str) -> Finding:
    """Return a finding that may be intended."""
    return Finding(code, "info", module, value, message, remedy)


def listed(names: list[str], most: int = 4) -> str:
    """Return the first few names in quotes, and the number of the others."""
    shown = ", ".join(repr(name) if name else "the net" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
