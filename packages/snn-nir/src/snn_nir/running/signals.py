"""Inputs, outputs and states of a graph, and calls of the modules of its nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from snn_core import SpikingNeuron
from snn_core.neuron import Temporal, as_floating


class GraphState(NamedTuple):
    """State of a graph: the ``State`` of each node that has one, and the last outputs of the nodes at closing edges."""

    nodes: dict[str, Any]
    carried: dict[str, Tensor]


class Carried(Temporal):
    """Outputs of some nodes in the last time step, kept as neurons keep their states; None at rest."""

    keeps_by_sample: ClassVar[bool] = True


Signals = Tensor | dict[str, Tensor]


def bound(
    x: Signals, names: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]], *, time: bool
) -> dict[str, Tensor]:
    """Return the inputs of a graph by name, after checking their names, shapes and numbers of steps."""
    value = x if isinstance(x, Mapping) else {names[0]: x}
    if set(value) != set(names) or (len(names) > 1 and not isinstance(x, Mapping)):
        passed = ", ".join(map(repr, value)) if isinstance(x, Mapping) else f"one {type(x).__name__}"
        raise TypeError(f"the graph takes a dict with a tensor for each of {', '.join(map(repr, names))}, got {passed}")
    values = {name: _fitting(name, value[name], shapes[name], time) for name in names}
    if time and len({len(v) for v in values.values()}) > 1:
        steps = ", ".join(f"{len(v)} of {name!r}" for name, v in values.items())
        raise ValueError(f"unroll: every Input takes the same number of steps, got {steps}")
    return values


def results(values: Mapping[str, Tensor], names: tuple[str, ...]) -> Signals:
    """Return the outputs of a graph: the value of its one Output, or a dict of all by name."""
    return values[names[0]] if len(names) == 1 else {name: values[name] for name in names}


def stacked(steps: list[Signals]) -> Signals:
    """Return the outputs of a graph in all steps, with time on axis 0."""
    if isinstance(steps[0], Tensor):
        return torch.stack([s for s in steps if isinstance(s, Tensor)])
    columns = {name: [s[name] for s in steps if isinstance(s, dict)] for name in steps[0]}
    return {name: torch.stack(column) for name, column in columns.items()}


def _fitting(name: str, x: Tensor, shape: tuple[int, ...], time: bool) -> Tensor:
    x = as_floating(x, f"the input {name!r}")
    leading = ("T", "batch") if time else ("batch",)
    if x.dim() != len(leading) + len(shape) or x.shape[len(leading) :] != shape:
        expected = ", ".join((*leading, *map(str, shape)))
        raise ValueError(f"the input {name!r} takes [{expected}], got shape {tuple(x.shape)}")
    if time and len(x) == 0:
        raise ValueError(f"unroll takes T >= 1 steps, got shape {tuple(x.shape)} for the input {name!r}")
    return x


Call = Callable[[str, Tensor], Any]


def step_call(module: Callable[[str], nn.Module], before: Mapping[str, Any], after: dict[str, Any]) -> Call:
    """Return a function of a node's name and input that runs one step of its module and returns all its outputs.

    States come from ``before``, where a missing one is at rest, and the states after the step go into ``after``.
    """

    def call(name: str, x: Tensor) -> Any:
        neuron = module(name)
        if not isinstance(neuron, SpikingNeuron):
            return neuron(x)
        spk, after[name] = neuron.step(x, before.get(name))
        return neuron.outputs(spk, after[name]) if neuron.output else spk

    return call


def sequence_call(module: Callable[[str], nn.Module], before: Mapping[str, Any], after: dict[str, Any]) -> Call:
    """Return a function that runs all steps of a node, ``[T, batch, ...]``; see :func:`step_call`."""

    def call(name: str, xs: Tensor) -> Any:
        neuron = module(name)
        if not isinstance(neuron, SpikingNeuron):
            return neuron(xs.flatten(0, 1)).unflatten(0, xs.shape[:2])
        if not neuron.output:
            spk, after[name] = neuron.unroll(xs, before.get(name))
            return spk
        spk, states = neuron.unroll(xs, before.get(name), trace=True)
        after[name] = type(states)._make(s[-1] for s in states)
        return neuron.outputs(spk, states)

    return call
