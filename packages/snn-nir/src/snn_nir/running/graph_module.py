"""A NIR graph as a module, for one time step per call or for whole sequences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from snn_core import SpikingNeuron
from snn_core.neuron import Temporal, current
from snn_nir.graphs.flattening import GraphPlace
from snn_nir.importing.time_step import TimeStep
from snn_nir.primitives import Threshold
from snn_nir.running.signals import (
    Call,
    Carried,
    GraphState,
    Signals,
    bound,
    results,
    sequence_call,
    stacked,
    step_call,
)
from snn_nir.running.wiring import silence, summed, wired


class GraphModule(nn.Module):
    """The module of a NIR graph, as :func:`~snn_nir.from_nir` makes it.

    Called with one time step it keeps its state, as neurons with ``init_hidden=True`` do, so that ``utils.reset``,
    ``utils.detach`` and ``unroll`` work on it; :meth:`step` and :meth:`unroll` take and return the state. A graph with
    one Input takes a tensor, and a graph with several takes a dict by their names; outputs have the same form.

    Edges that lead to the same node are summed; an edge that appears twice counts twice. An edge that closes a cycle
    carries the output of its source in the previous step. In the first step, it carries the output that the source has
    while every node with a state sends 0; biases count.

    Args:
        modules: The module of each node by the node's name; None for one that passes on its input.
        edges: Pairs of names.
        inputs: Names of the Input nodes.
        outputs: Names of the Output nodes.
        shapes: Shape of each node's output, without batch.
        taps: Names of nodes that pass on one of several outputs of the previous node, with the index of that output.
        time_step: The step that the modules were made for, and how it was determined.
        places: The place of each node in nested graphs; None if nodes were joined.

    Shape:
        inputs and outputs ``[batch, ...]``, with the other axes of the Input and Output nodes.

    Raises:
        NIRError: NIR303 if a node reads nothing, NIR215 if no node of a cycle keeps a state.

    Example:
        >>> import nir, snn_nir, torch
        >>> import numpy as np
        >>> one = np.ones(1, dtype=np.float32)
        >>> graph = nir.NIRGraph.from_list(nir.IF(r=one, v_threshold=one), nir.Scale(2 * one))
        >>> net = snn_nir.from_nir(graph, dt=1.0)
        >>> [net(torch.full((1, 1), 0.75)).item() for _ in range(4)]
        [0.0, 2.0, 0.0, 2.0]
        >>> net["scale"].scale.tolist()
        [2.0]
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module | None],
        edges: Sequence[tuple[str, str]],
        inputs: Iterable[str],
        outputs: Iterable[str],
        shapes: Mapping[str, tuple[int, ...]],
        time_step: TimeStep,
        taps: Mapping[str, int] | None = None,
        places: Mapping[str, GraphPlace] | None = None,
    ) -> None:
        super().__init__()
        self.time_step = time_step
        self.input_names: tuple[str, ...] = tuple(sorted(inputs))
        self.output_names: tuple[str, ...] = tuple(sorted(outputs))
        self._shapes = dict(shapes)
        self._attributes: dict[str, str] = {}
        self._taps = dict(taps or {})
        self._places = dict(places or {})
        stateful = {*self._taps, *(name for name, module in modules.items() if _keeps_state(module))}
        self._wiring = wired(modules, edges, self.input_names, stateful)
        for node in self._wiring.nodes:
            module = modules[node.name]
            if module is not None:
                self._attributes[node.name] = self._free_attribute(node.name)
                self.add_module(self._attributes[node.name], module)
        if self._wiring.carriers:
            self._carried = Carried()

    def __getitem__(self, name: str) -> nn.Module:
        """Return the module of a node, by its name in the graph."""
        if name not in self._attributes:
            raise KeyError(f"no module for a node {name!r}; there are modules for {', '.join(self._attributes)}")
        return getattr(self, self._attributes[name])

    @property
    def neurons(self) -> dict[str, SpikingNeuron]:
        """The modules with a state, by the names of their nodes."""
        return {name: m for name in self._attributes if isinstance(m := self[name], SpikingNeuron)}

    def forward(self, x: Signals) -> Signals:
        """Run one time step from the kept state.

        Args:
            x: ``[batch, ...]``, or a dict of them by the names of the Inputs.

        Returns:
            ``[batch, ...]``, or a dict of them by the names of the Outputs.

        Raises:
            ValueError: If an input does not fit the graph, or a kept state does not fit the input.
            TypeError: If there is not one tensor for each Input.
        """
        values = bound(x, self.input_names, self._shapes, time=False)
        carried: dict[str, Tensor] = {}
        if self._wiring.carriers:
            why = f"the graph has a cycle, closed by {self._wiring.closing}"
            watch = current()
            if watch is not None:
                watch.refused(why)
            carried = self._carried_into(values, self._carried._recall())
        self._walk(values, carried, lambda name, value: self[name](value))
        if self._wiring.carriers:
            self._carried._keep(tuple(self._carried_on(values).values()))
        return results(values, self.output_names)

    def step(self, x: Signals, state: GraphState | None = None) -> tuple[Signals, GraphState]:
        """Run one time step as a pure function.

        Args:
            x: ``[batch, ...]``, or a dict of them by the names of the Inputs.
            state: State before the step; None for rest.

        Returns:
            ``(y, state)``: the output of a call, and the state after it.

        Raises:
            ValueError: If an input does not fit the graph, or a state does not fit the input.
            TypeError: If there is not one tensor for each Input.

        Example:
            >>> import nir, snn_nir, torch
            >>> import numpy as np
            >>> net = snn_nir.from_nir(nir.NIRGraph.from_list(nir.I(np.ones(1))), dt=1.0)
            >>> y, state = net.step(torch.ones(1, 1))
            >>> net.step(torch.ones(1, 1), state)[0].item()
            2.0
        """
        values = bound(x, self.input_names, self._shapes, time=False)
        kept = tuple(state.carried[s] for s in self._wiring.carriers) if state is not None and state.carried else None
        carried = self._carried_into(values, kept) if self._wiring.carriers else {}
        after: dict[str, Any] = {}
        self._walk(values, carried, step_call(self.__getitem__, {} if state is None else state.nodes, after))
        return results(values, self.output_names), GraphState(after, self._carried_on(values))

    def unroll(self, xs: Signals, state: GraphState | None = None) -> tuple[Signals, GraphState]:
        """Run all steps of a sequence; the result equals calling :meth:`step` in a loop.

        A graph without cycles runs layer by layer: every node sees the whole sequence.

        Args:
            xs: ``[T, batch, ...]`` with T >= 1, or a dict of them by the names of the Inputs.
            state: State before the first step; None for rest.

        Returns:
            ``(ys, state)``: outputs with time on axis 0, and the last state.

        Raises:
            ValueError: If there is no time step, an input does not fit the graph, or a state does not fit the input.
            TypeError: If there is not one tensor for each Input.

        Example:
            >>> import nir, snn_nir, torch
            >>> import numpy as np
            >>> net = snn_nir.from_nir(nir.NIRGraph.from_list(nir.I(np.ones(1))), dt=1.0)
            >>> net.unroll(torch.ones(3, 1, 1))[0].flatten().tolist()
            [1.0, 2.0, 3.0]
        """
        values = bound(xs, self.input_names, self._shapes, time=True)
        if self._wiring.carriers:
            return self._loop(values, state)
        after: dict[str, Any] = {}
        self._walk(values, {}, sequence_call(self.__getitem__, {} if state is None else state.nodes, after))
        return results(values, self.output_names), GraphState(after, {})

    def kept_state(self) -> GraphState:
        """Return the state from which the next call continues.

        Returns:
            The state, in which a node at rest has tensors of shape ``(0,)``.
        """
        nodes = {n: m.State._make(getattr(m, f) for f in m.State._fields) for n, m in self.neurons.items()}
        carried = self._carried._recall() if self._wiring.carriers else None
        return GraphState(nodes, dict(zip(self._wiring.carriers, carried or (), strict=carried is not None)))

    def keep_state(self, state: GraphState) -> None:
        """Set the state from which the next call continues.

        Args:
            state: A state of this graph.
        """
        for name, neuron in self.neurons.items():
            for field, value in zip(neuron.State._fields, state.nodes[name], strict=True):
                setattr(neuron, field, value)
        if state.carried:
            self._carried._keep(tuple(state.carried[s] for s in self._wiring.carriers))
        elif self._wiring.carriers:
            self._carried.forget()

    def _loop(self, values: dict[str, Tensor], state: GraphState | None) -> tuple[Signals, GraphState]:
        ys: list[Signals] = []
        for xs in zip(*values.values(), strict=True):
            y, state = self.step(dict(zip(values, xs, strict=True)), state)
            ys.append(y)
        assert state is not None
        return stacked(ys), state

    def _walk(self, values: dict[str, Any], carried: Mapping[str, Tensor], call: Call) -> None:
        """Add the output of every node to ``values``, which contains the inputs."""
        for node in self._wiring.nodes:
            if node.name in self._taps:
                values[node.name] = values[node.sources[0]][self._taps[node.name]]
            elif node.name not in values:
                total = summed([*(values[s] for s in node.sources), *(carried[s] for s in node.delayed)])
                values[node.name] = call(node.name, total) if node.name in self._attributes else total

    def _carried_on(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return copies of what the closing edges carry into the next step, as a caller may change the outputs."""
        return {source: values[source].clone() for source in self._wiring.carriers}

    def _carried_into(self, values: dict[str, Tensor], kept: tuple[Tensor, ...] | None) -> dict[str, Tensor]:
        """Return the values that the closing edges carry into a step."""
        example = values[self.input_names[0]]
        if kept is None:
            modules = {name: self[name] for name in self._attributes}
            silent = silence(self._wiring, modules, self._shapes, example)
            return {name: v.expand(len(example), *v.shape[1:]) for name, v in silent.items()}
        for value in kept:
            if len(value) != len(example):
                raise ValueError(
                    f"GraphModule: the state belongs to a batch of {len(value)}, but this input has {len(example)}; "
                    "call snn.utils.reset(net) before a new batch or sequence"
                )
        return dict(zip(self._wiring.carriers, kept, strict=True))

    def _free_attribute(self, name: str) -> str:
        """Return an attribute name for a node: its name as an identifier, made longer until it is free."""
        attribute = name.replace(".", "_") or "_"
        while hasattr(self, attribute):
            attribute += "_"
        return attribute

    def extra_repr(self) -> str:
        names = f"inputs={', '.join(self.input_names)}, outputs={', '.join(self.output_names)}"
        return f"{names}, dt={self.time_step.dt:g} {self.time_step.time_unit}, method={self.time_step.method}"


def _keeps_state(module: nn.Module | None) -> bool:
    return isinstance(module, Temporal) and not isinstance(module, Threshold)
