"""The calls of a recording, drawn one after the other."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor, fx
from torch.nn.utils import parametrize
from torch.utils._pytree import tree_leaves

from snn_core import SpikingNeuron
from snn_nir.codes import refusal
from snn_nir.exporting.drawing import Drawing, Signal
from snn_nir.exporting.functions import draw_function
from snn_nir.exporting.modules import draw_module, draw_neuron
from snn_nir.exporting.neurons import Inside
from snn_nir.exporting.recording import Recording
from snn_nir.exporting.returned import outputs_of, ports_wanted, returned
from snn_nir.exporting.steps import Stacked, Steps, is_item, is_stack, reads_steps

__all__ = ["draw_values"]


def draw_values(recording: Recording, drawing: Drawing, samples: tuple[Tensor | None, ...]) -> torch.dtype:
    """Draw a recording, from its inputs to its outputs.

    Args:
        recording: The recording.
        drawing: The graph, empty.
        samples: What it was recorded with.

    Returns:
        The dtype of the first output.

    Raises:
        NIRError: If a call cannot be drawn.
    """
    values = _Values(recording, drawing)
    values.place_inputs(samples)
    for node in recording.calls():
        values.draw(node)
    return values.draw_outputs()


class _Values:
    """What every call is in the graph: a signal, a tuple of them, a value besides the graph, or None for a state."""

    def __init__(self, recording: Recording, drawing: Drawing) -> None:
        self._recording = recording
        self._drawing = drawing
        self._of: dict[fx.Node, Any] = {}
        self._drawn: dict[str, Any] = {}
        self._steps = Steps()
        self._inputs: list[str] = []

    def place_inputs(self, samples: tuple[Tensor | None, ...]) -> None:
        """Input nodes for what the network takes, but for states."""
        (packed,) = (n for n in self._recording.graph.nodes if n.op == "placeholder")
        self._of = dict.fromkeys((packed, *packed.users))
        entering = [n for n in packed.users if not self._is_state(n)]
        wide = len(str(len(entering) - 1))
        for count, node in enumerate(entering):
            value = samples[node.args[1]]
            name = "input" if len(entering) == 1 else f"input_{count:0{wide}}"
            leading = 2 if reads_steps(node) else 1
            if value is None or value.dim() < leading:
                found = None if value is None else tuple(value.shape)
                raise refusal("NIR405", "to_nir", f"input {node.args[1]} has shape {found} and is no state")
            shape = tuple(value.shape[leading:])
            self._drawing.add(name, nir.Input({"input": np.array(shape, dtype=int)}))
            self._inputs.append(name)
            signal = Signal((name,), shape, value.dtype)
            self._of[node] = signal if leading == 1 else Stacked(signal)

    def _is_state(self, node: fx.Node) -> bool:
        def takes(user: fx.Node) -> bool:
            is_neuron = user.op == "call_module" and isinstance(self._recording.module(user), SpikingNeuron)
            return is_neuron and node is not user.args[0]

        return bool(node.users) and all(map(takes, node.users))

    def draw(self, node: fx.Node) -> None:
        """Draw a call; one that was drawn before for the same values is not drawn again."""
        if node in self._of:
            return
        if node.op == "call_module" and isinstance(self._recording.module(node), SpikingNeuron):
            self._of[node] = self._draw_neuron(node)
        elif is_stack(node):
            parts: Any = node.args[0]
            self._of[node] = self._steps.stacked(node, [self._of[part] for part in parts])
        elif is_item(node) and isinstance(self._of.get(node.args[0]), Stacked):  # pyrefly: ignore[bad-argument-type]
            self._of[node] = self._of[node.args[0]].each  # pyrefly: ignore[bad-index]
            self._steps.put(node, node.args[1])  # pyrefly: ignore[bad-argument-type]
        else:
            self._steps.infer(node)
            key = self._key(node)
            if key not in self._drawn:
                self._drawn[key] = self._draw_other(node)
            self._of[node] = self._drawn[key]

    def _key(self, node: fx.Node) -> str:
        def text(n: fx.Node) -> Any:
            value = self._of[n]
            return n.target if n.op == "get_attr" else n.name if value is None else value

        target = node.target if isinstance(node.target, str) else id(node.target)
        return f"{node.op} {target} {fx.node.map_arg((node.args, node.kwargs), text)!r}"

    def _draw_other(self, node: fx.Node) -> Any:
        value = self._recording.values[node]
        if node.op == "get_attr":
            return value
        if node.op == "call_module":
            module, name = self._recording.module(node), self._name(node)
            signal = self._argument(node.args[0])
            return draw_module(module, name, signal, value, self._drawing, self._before(node, signal))
        if is_item(node) and type(self._of.get(node.args[0])) is tuple:  # pyrefly: ignore[bad-argument-type]
            return self._of[node.args[0]][node.args[1]]  # pyrefly: ignore[bad-index]
        positional, named = ([self._argument(a) for a in given] for given in (node.args, node.kwargs.values()))
        return draw_function(node, positional, named, value, self._drawing)

    def _before(self, node: fx.Node, signal: Signal) -> str | None:
        """The node that gives a layer's input, if nothing else takes its output."""
        given: Any = node.args[0]
        alone = given.op == "call_module" and len(given.users) == 1 and len(signal.sources) == 1
        return signal.sources[0] if alone else None

    def _name(self, node: fx.Node) -> str:
        kind = parametrize.type_before_parametrizations(self._recording.module(node))
        return self._recording.path(node) or kind.__name__.lower()

    def _argument(self, argument: Any) -> Any:
        return _outside(fx.node.map_arg(argument, lambda n: _outside(self._of[n])))

    def _draw_neuron(self, node: fx.Node) -> Any:
        module, name, value = self._recording.module(node), self._name(node), self._recording.values[node]
        signal = self._argument(node.args[0])
        before = self._steps.call(module, node, signal, repr(name))
        if before is not None:
            return before
        self._check_at_rest(node, name)
        names = outputs_of(module)
        wanted = ports_wanted(node, names, self._recording)
        spk = value if isinstance(value, Tensor) else value[0]
        ports = draw_neuron(module, name, signal, spk, wanted, self._drawing)
        drawn = ports["spk"] if isinstance(value, Tensor) else tuple(ports[n] for n in names)
        self._steps.keep(module, signal, drawn)
        return drawn

    def _check_at_rest(self, node: fx.Node, name: str) -> None:
        for given in tree_leaves([node.args[1:], node.kwargs]):
            if isinstance(given, fx.Node) and isinstance(self._of[given], Signal | Inside):
                found = "its state is computed by this step"
                raise refusal("NIR402", repr(name), found, "pass the state that it returned in the step before")
            state = self._of[given] if isinstance(given, fx.Node) else given
            if isinstance(state, Tensor) and bool((state != 0).any()):
                raise refusal("NIR402", repr(name), "it starts from a state other than rest", "start from zeros")

    def draw_outputs(self) -> torch.dtype:
        """Output nodes for what the network returns; gives the dtype of the first."""
        ends = []
        for node in returned(self._recording):
            value = self._of[node]
            if isinstance(value, Signal | Inside | Stacked | tuple):
                self._steps.check_returned(node)
                value = value.each if isinstance(value, Stacked) else value
                ends.append(_outside(value[0] if type(value) is tuple else value))
        if not ends:
            raise refusal("NIR405", "to_nir", "the network returns no tensor", "return spikes")
        wide = len(str(len(ends) - 1))
        for count, end in enumerate(ends):
            name = "output" if len(ends) == 1 else f"output_{count:0{wide}}"
            self._drawing.add(name, nir.Output({"output": np.array(end.shape, dtype=int)}), end)
        unused = [n for n in self._inputs if n not in {start for start, _ in self._drawing.edges}]
        if unused:
            raise refusal("NIR405", "to_nir", f"{', '.join(unused)}: no output depends on it", "leave it out")
        return ends[0].dtype


def _outside(value: Any) -> Any:
    if isinstance(value, Inside):
        raise refusal("NIR406", value.where, value.why)
    if isinstance(value, Stacked):
        raise refusal("NIR403", "forward", "all time steps at once are used further", "return them")
    return value
