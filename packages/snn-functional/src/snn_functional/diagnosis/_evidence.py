"""The evidence that the checks examine: a net, its input, and what its layers did in a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core import SpikingNeuron
from snn_core.graph import ModuleCall, Observation
from snn_core.neuron import Firing, WholeSequence
from snn_functional.diagnosis.finding import Finding
from snn_functional.diagnosis.limits import Limits

SILENT = ("silent_layer", "silent_output", "unreachable_threshold")


@dataclass
class Trace:
    """The calls of a layer of neurons.

    ``inputs`` are detached and have steps and samples in one axis, ``[rows, ...]``; ``spks`` and ``mems`` are in the
    graph, as they were returned and kept. ``mems`` holds None where a call runs several steps and keeps the last alone.
    """

    path: str
    neuron: Any
    inputs: list[Tensor] = field(default_factory=list)
    spks: list[Tensor | None] = field(default_factory=list)
    mems: list[Tensor | None] = field(default_factory=list)
    membranes: list[Tensor] = field(default_factory=list)  # the values compared with the threshold, detached
    gradients: list[Tensor | None] = field(default_factory=list)  # of the loss, by what is watched in each call
    steps: int = 0
    order: int = 0
    folded: bool = False  # True if steps were in the batch axis
    stepwise: bool = True  # True if a call was one step
    heard: bool = True  # False if the loss does not depend on the spikes

    def spikes(self) -> Tensor | None:
        """Return all spikes as ``[rows, ...]``, or None if none are visible."""
        if not self.spks or any(spk is None or spk.dim() < 2 for spk in self.spks):
            return None
        return torch.cat([self.rows(spk.detach()) for spk in self.spks if spk is not None])

    def rates(self) -> Tensor | None:
        """Return the spikes per step of each neuron, float64, or None if none are visible or one is NaN."""
        spikes = self.spikes()
        if spikes is None or not spikes.numel() or bool(spikes.isnan().any()):
            return None
        return (spikes != 0).sum(0).double() / len(spikes)

    def rows(self, xs: Tensor) -> Tensor:
        """Return a call's tensor with steps and samples in one axis."""
        return xs.flatten(0, 1) if isinstance(self.neuron, WholeSequence) and not self.folded else xs

    def watched(self) -> list[Tensor]:
        """Return the tensor whose gradient is needed in each call: the membrane, or else the spikes."""
        pairs = zip(self.mems, self.spks, strict=True)
        seen = (spk if mem is None or not mem.requires_grad else mem for mem, spk in pairs)
        return [tensor for tensor in seen if tensor is not None and tensor.requires_grad]

    def norms(self) -> tuple[float, ...] | None:
        """Return the gradient's norm in each call, or None if there is none or it is not finite."""
        if all(gradient is None for gradient in self.gradients):
            return None
        sizes = tuple(0.0 if gradient is None else float(gradient.double().norm()) for gradient in self.gradients)
        return sizes if all(map(isfinite, sizes)) else None


@dataclass
class Use:
    """The calls of a module with parameters of its own: the position of the last one, and whether any got input."""

    order: int = 0
    fed: bool = False


class Record(Observation):
    """An observation of every neuron, and every other module with parameters, of a net that is used here alone."""

    def __init__(self, net: nn.Module) -> None:
        inside = {part for module in net.modules() if isinstance(module, Firing) for part in module.modules()}
        self._layers = {m for m in net.modules() if m not in inside and any(True for _ in m.parameters(recurse=False))}
        super().__init__(net, {net, *self._layers})  # a hook on the net shows the membranes of every step
        self.neurons: dict[Any, Trace] = {}  # by path and the shape of a row of input
        self.uses: dict[str, Use] = {}
        self._order = 0

    def before(self, call: ModuleCall) -> None:
        if call.module in self._layers:
            self._order += 1
            use = self.uses.setdefault(call.path, Use())
            use.order = self._order
            leaves = tree_leaves((call.args, call.kwargs))
            use.fed |= any(isinstance(x, Tensor) and bool((x != 0).any()) for x in leaves)

    def after(self, call: ModuleCall) -> None:
        if isinstance(call.module, Firing) and call.is_whole and isinstance(call.x, Tensor):
            self._neuron(call.module, call)

    def _neuron(self, neuron: Any, call: ModuleCall) -> None:
        folding = call.folding
        trace = Trace(call.path, neuron, folded=folding is not None)
        rows = trace.rows(_driving(neuron, call.x.detach()))
        trace = self.neurons.setdefault((call.path, rows.shape[1:]), trace)  # one neuron may serve several widths
        self._order += 1
        trace.order = self._order
        leaves = [leaf for leaf in tree_leaves(call.out) if isinstance(leaf, Tensor)]
        trace.folded = folding is not None
        trace.stepwise = folding is None and not isinstance(neuron, WholeSequence)
        trace.steps += 1 if trace.stepwise else len(call.x) if folding is None else folding.steps
        trace.inputs.append(rows)
        trace.spks.append(leaves[0] if "spk" in neuron.output_names else None)
        trace.mems.append(None)
        if trace.stepwise:
            state = neuron._kept if neuron.init_hidden else neuron.State._make(leaves[-len(neuron.State._fields) :])
            trace.mems[-1] = getattr(state, "mem", None)
            trace.membranes.append(neuron.membrane(state).detach())


def _driving(neuron: Any, x: Tensor) -> Tensor:
    """Return the input of the membranes, for a layer with input weights of its own; else the input."""
    if not x.is_floating_point():
        x = x.to(torch.get_default_dtype())
    if not isinstance(neuron, SpikingNeuron):
        return x
    with torch.no_grad():
        return neuron.driven(x)


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
