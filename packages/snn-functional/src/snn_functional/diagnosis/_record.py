"""A record of the layers of a net in a run: the neurons step by step, and the input of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core import SpikingNeuron
from snn_core.graph import Folding, Place, Step, Watch, Whole
from snn_core.neuron import Firing, WholeSequence, current
from snn_functional.probe._hook import in_backward, input_of


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
        """Return all spikes as ``[1, rows, ...]``, in the form that statistics take, or None if none are visible."""
        if not self.spks or any(spk is None or spk.dim() < 2 for spk in self.spks):
            return None
        rows = [self.rows(spk.detach()) for spk in self.spks if spk is not None]
        return torch.cat(rows).unsqueeze(0)

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


class Record(Watch):
    """A watch over every neuron, and every other module with parameters, of a net that is used here alone."""

    of_run = True

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        self.neurons: dict[Any, Trace] = {}  # by path and the shape of a row of input
        self.uses: dict[str, Use] = {}
        self._order = 0
        inside = {part for module in self.paths if isinstance(module, Firing) for part in module.modules()}
        self._layers = [m for m in self.paths if m not in inside and any(True for _ in m.parameters(recurse=False))]
        for layer in self._layers:
            layer.register_forward_pre_hook(self._before, with_kwargs=True)
        if any(isinstance(module, WholeSequence) for module in self.paths):
            self.hooks = (self._before,)
        else:
            # a hook makes unroll run step by step, so that every step's membrane is seen
            net.register_forward_hook(lambda *call: None)

    def called(self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out = forward(module, *args, **kwargs)
        self._neuron(module, input_of(module, args, kwargs), out)
        return out

    def ran(self, module: nn.Module, step: Step, args: list[Any], out: Any, folding: Folding) -> None:
        values = [arg for arg, value in zip(args, step.args, strict=True) if isinstance(value, Place)]
        if module in self._layers:
            self._layer(module, values)
        elif isinstance(step.compute, Whole):
            self._neuron(module, values[0], out, folding)

    def _before(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        watch = current()
        if watch is None or not watch.records:  # a recorded step runs again
            self._layer(layer, (args, kwargs))

    def _layer(self, layer: nn.Module, value: Any) -> None:
        if in_backward():
            return
        self._order += 1
        use = self.uses.setdefault(self.paths[layer], Use())
        use.order = self._order
        use.fed |= any(isinstance(x, Tensor) and bool((x != 0).any()) for x in tree_leaves(value))

    def _neuron(self, neuron: Any, x: Any, out: Any, folding: Folding | None = None) -> None:
        is_one = isinstance(neuron, Firing) and neuron in self.paths
        if in_backward() or not is_one or not isinstance(x, Tensor):
            return
        path, is_folded = self.paths[neuron], folding is not None
        trace = Trace(path, neuron, folded=is_folded)
        rows = trace.rows(_driving(neuron, x.detach()))
        trace = self.neurons.setdefault((path, rows.shape[1:]), trace)  # one neuron may serve layers of several widths
        self._order += 1
        trace.order = self._order
        leaves = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        trace.folded = is_folded
        trace.stepwise = not is_folded and not isinstance(neuron, WholeSequence)
        trace.steps += 1 if trace.stepwise else len(x) if folding is None else folding.steps
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
