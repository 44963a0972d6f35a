"""The drawing of the calls of a recording, one after another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from snn_core import SpikingNeuron
from snn_nir.codes import refusal
from snn_nir.exporting.calls import Call, Recording
from snn_nir.exporting.drawing import Drawing, Signal, node_name, port
from snn_nir.exporting.finishing import Inside
from snn_nir.exporting.functions import draw_function
from snn_nir.exporting.modules import draw_module, draw_neuron
from snn_nir.exporting.steps import Stacked, Steps, reads_steps


def draw_values(recording: Recording, drawing: Drawing, samples: tuple[Tensor | None, ...]) -> torch.dtype:
    """Draw a recording, from its inputs to its outputs; return the dtype of the first output."""
    values = _Values(recording, drawing)
    values.place_inputs(samples)
    for node in recording.calls:
        values.draw(node)
    return values.draw_outputs()


class _Values:
    """Each call as drawn: a signal, a tuple of signals, a value outside the graph, or None for a state."""

    def __init__(self, recording: Recording, drawing: Drawing) -> None:
        self._recording = recording
        self._drawing = drawing
        self._of: dict[Call, Any] = {}
        self._drawn: dict[str, Any] = {}
        self._steps = Steps()
        self._inputs: list[str] = []

    def place_inputs(self, samples: tuple[Tensor | None, ...]) -> None:
        """Add Input nodes for the inputs of the network, except states."""
        inputs = self._recording.inputs
        returned = self._recording.output.args[0]
        entering = [
            (i, node) for i, node in enumerate(inputs) if (node in returned if node is None else not _is_state(node))
        ]
        self._of = dict.fromkeys(node for node in inputs if node is not None)
        self._inputs = _numbered("input", len(entering))
        for name, (place, node) in zip(self._inputs, entering, strict=True):
            value = samples[place]
            leading = 2 if node is not None and reads_steps(node) else 1
            if node is None or value is None or value.dim() < leading:
                result = None if value is None else tuple(value.shape)
                raise refusal("NIR405", "to_nir", f"input {place} has shape {result} and is not a state")
            shape = tuple(value.shape[leading:])
            self._drawing.add(name, port("Input", shape))
            signal = Signal((name,), shape, value.dtype)
            self._of[node] = signal if leading == 1 else Stacked(signal)

    def draw(self, node: Call) -> None:
        """Draw a call; a call that was drawn before for the same values is not drawn again."""
        if not node.of_step:
            self._of[node] = node.value
        elif isinstance(node.module, SpikingNeuron):
            self._of[node] = self._draw_neuron(node)
        elif node.is_stack:
            self._of[node] = self._steps.stacked(node, [self._value(part) for part in node.args[0]])
        elif node.is_item and isinstance(self._of.get(node.args[0]), Stacked):
            self._of[node] = self._of[node.args[0]].each
            self._steps.put(node, node.args[1])
        else:
            self._steps.infer(node)
            key = self._key(node)
            if key not in self._drawn:
                self._drawn[key] = self._draw_other(node)
            self._of[node] = self._drawn[key]

    def _value(self, call: Any) -> Any:
        if not isinstance(call, Call):
            return call
        value = self._of.get(call, call.value)  # the value of a parameter
        return call.name if value is None else value

    def _key(self, node: Call) -> str:
        values = tree_map_only(Call, self._value, (node.args, node.kwargs))
        return f"{id(node.module)} {node.kind} {tree_map_only(Tensor, id, values)!r}"

    def _draw_other(self, node: Call) -> Any:
        if node.module is not None:
            signal, name = self._argument(node.args[0]), node_name(node.kind, node.module)
            return draw_module(node.module, name, signal, node.value, self._drawing, self._before(node, signal))
        if node.is_item and type(self._of.get(node.args[0])) is tuple:
            return self._of[node.args[0]][node.args[1]]
        positional, named = ([self._argument(a) for a in arguments] for arguments in (node.args, node.kwargs.values()))
        return draw_function(node, positional, named, self._drawing)

    def _before(self, node: Call, signal: Signal) -> str | None:
        """Return the node that provides a layer's input, if no call of its module has another reader."""
        reader, value = node, node.args[0]
        while value.module is not None and self._is_alone(value.module, reader.module):
            before = value.args[0]
            if signal != self._value(before):
                return signal.sources[0] if len(signal.sources) == 1 else None
            reader, value = value, before  # a layer that passes on its input has no node
        return None

    def _is_alone(self, module: nn.Module, reader: nn.Module | None) -> bool:
        """Return True if every call of a module is read by exactly one call, which is a call of that reader."""
        readers = [[user.module for user in call.users] for call in self._recording.calls if call.module is module]
        return all(modules == [reader] for modules in readers)

    def _argument(self, argument: Any) -> Any:
        return tree_map_only(Call, lambda call: _outside(self._of.get(call, call.value)), argument)

    def _draw_neuron(self, node: Call) -> Any:
        module: Any = node.module
        name, value = node_name(node.kind, module), node.value
        signal = self._argument(node.args[0])
        if not isinstance(signal, Signal):
            problem = "its input does not depend on the network's"
            raise refusal("NIR403", repr(name), problem, "make it the bias of a layer")
        before = self._steps.call(module, node, signal, repr(name))
        if before is not None:
            return before
        self._check_at_rest(node, name)
        names = module.output_names
        used = self._recording.used_ports(node, names)
        spk = value if isinstance(value, Tensor) else value[0]
        ports = draw_neuron(module, name, signal, spk, used, self._drawing)
        drawn = ports["spk"] if isinstance(value, Tensor) else tuple(ports[n] for n in names)
        self._steps.keep(module, signal, drawn)
        return drawn

    def _check_at_rest(self, node: Call, name: str) -> None:
        for state in map(self._value, tree_leaves([node.args[1:], node.kwargs])):
            if isinstance(state, Signal | Inside):
                problem = "its state is computed by this step"
                raise refusal("NIR402", repr(name), problem, "pass the state that it returned in the step before")
            if isinstance(state, Tensor) and bool((state != 0).any()):
                raise refusal("NIR402", repr(name), "it starts from a state other than rest", "start from zeros")

    def draw_outputs(self) -> torch.dtype:
        """Add Output nodes for the outputs of the network; return the dtype of the first."""
        ends = []
        for node in self._recording.returned():
            value = self._of.get(node)
            if isinstance(value, Signal | Inside | Stacked):
                self._steps.check_returned(node)
                ends.append(_outside(value.each if isinstance(value, Stacked) else value))
        if not ends:
            raise refusal("NIR405", "to_nir", "the network returns no tensor", "return spikes")
        for name, end in zip(_numbered("output", len(ends)), ends, strict=True):
            self._drawing.add(name, port("Output", end.shape), end)
        unused = [n for n in self._inputs if n not in {start for start, _ in self._drawing.edges}]
        if unused:
            raise refusal("NIR405", "to_nir", f"{', '.join(unused)}: no output depends on it", "leave it out")
        return ends[0].dtype


def _numbered(name: str, count: int) -> list[str]:
    """Return the names of inputs or outputs, which sort in the order of their numbers."""
    width = len(str(count - 1))
    return [f"{name}_{number:0{width}}" for number in range(count)] if count > 1 else [name] * count


def _is_state(node: Call) -> bool:
    takers = [user.takes_as_state(node) for user in node.users]
    return bool(takers) and all(takers)


def _outside(value: Any) -> Any:
    if isinstance(value, Inside):
        raise refusal("NIR406", value.where, value.why)
    if isinstance(value, Stacked):
        raise refusal("NIR403", "forward", "the network uses all time steps at once", "only return them")
    return value
