"""The evidence that the checks examine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from snn_functional.diagnosis._record import Trace, Use
from snn_functional.diagnosis.finding import Finding
from snn_functional.diagnosis.limits import Limits

SILENT = ("silent_layer", "silent_output", "unreachable_threshold")


@dataclass
class Evidence:
    """A net, its input, and the results of its run, which are empty before it."""

    net: nn.Module  # the net itself, which is never run
    batch: Tensor  # its input [T, batch, ...]
    targets: Any  # of loss_fn
    optimizer: torch.optim.Optimizer | None
    limits: Limits
    own_loop: bool  # True if the user's function runs the net
    findings: list[Finding] = field(default_factory=list)
    neurons: dict[Any, Trace] = field(default_factory=dict)  # layers of neurons, in the order of their first call
    uses: dict[str, Use] = field(default_factory=dict)  # other modules with parameters
    loss: Tensor = field(init=False)
    gradients: dict[str, Tensor | None] = field(default_factory=dict)  # of parameters, by name
    mixed: tuple[str, str] | None = None  # the module that mixes samples, and what was seen
    faults: int | None = None  # page faults of a step of training, if they were measured

    def reported(self, *codes: str, module: str | None = None) -> bool:
        """Return True if one of these codes was reported already, for this layer or for any."""
        return any(finding.code in codes and module in (None, finding.module) for finding in self.findings)

    def cannot_fire(self, module: str | None = None) -> bool:
        """Return True if a layer, this one or any, was reported as silent and unable to learn to fire."""
        return any(
            finding.code in SILENT and finding.severity == "error" and module in (None, finding.module)
            for finding in self.findings
        )

    def traces(self) -> list[Trace]:
        """Return the layers of neurons that were called."""
        return list(self.neurons.values())

    def output(self) -> Trace | None:
        """Return the layer of neurons after which no module with parameters is called."""
        last = max(self.traces(), key=lambda trace: trace.order, default=None)
        return None if last is None or any(use.order > last.order for use in self.uses.values()) else last

    def gradients_by_module(self) -> dict[str, dict[str, Tensor | None]]:
        """Return the gradients of parameters by name, by the path of their module."""
        modules: dict[str, dict[str, Tensor | None]] = defaultdict(dict)
        for name, gradient in self.gradients.items():
            modules[name.rpartition(".")[0]][name] = gradient
        return modules


Check = Callable[[Evidence], Iterator[Finding]]


def listed(names: list[str]) -> str:
    """Return the first four names in quotes, and the number of the others."""
    shown = ", ".join(repr(name) if name else "the net" for name in names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
