"""Inference of the shapes of a whole graph."""

from __future__ import annotations

import copy
import math
from collections import deque
from typing import Any

import nir
import numpy as np

from snn_nir.codes import NIRError, refusal
from snn_nir.graphs.fields import NEURONS, PRIMITIVES, check_depth, graph_at, place, type_name
from snn_nir.graphs.node_shapes import Shape, check_parameters, fixed_shapes, output_shape
from snn_nir.graphs.normalizing import normalized

_MAX_FILLED = 2**22  # neurons that a single number may stand for


def infer(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Return a copy of a graph with the shape of every signal filled in.

    Shapes come from the parameters of neurons and weights, from the Input, and from the nodes before; grouped and
    non-square convolutions, ``padding='same'`` and nested graphs included. Convolutions get their ``input_shape``.

    Args:
        graph: The graph, which does not change.

    Returns:
        The copy, which shares its arrays with the graph. Every node has ``input_type`` and ``output_type``, whole
        numbers are plain ints (pairs in two-dimensional nodes), and values are NumPy arrays.

    Raises:
        NIRError: ``NIR106``, ``NIR107``, ``NIR109``, ``NIR201``, ``NIR204`` to ``NIR206``, ``NIR212`` or ``NIR219``;
            the text names the node or the edge.

    Example:
        >>> weight = np.ones((4, 1, 5, 3))
        >>> conv = nir.Conv2d(None, weight, stride=1, padding=0, dilation=1, groups=2, bias=np.zeros(4))
        >>> nodes = {"in": nir.Input(np.array([2, 8, 8])), "conv": conv, "out": nir.Output(None)}
        >>> graph = nir.NIRGraph(nodes, [("in", "conv"), ("conv", "out")], type_check=False)
        >>> infer(graph).nodes["out"].output_type["output"]
        array([4, 4, 6])

    Source: the formulas of torch.nn.Conv2d and torch.nn.AvgPool2d, which NIR's nodes follow.
    """
    return _Inference(graph, "", None, 0, None).typed()


def infer_filled(graph: nir.NIRGraph) -> tuple[nir.NIRGraph, list[tuple[str, str]]]:
    """Return the result of :func:`infer` for a graph in which a single number may stand for one per neuron.

    Such numbers are repeated; the second result is the path of each node and what was repeated.
    """
    filled: list[tuple[str, str]] = []
    return _Inference(graph, "", None, 0, filled).typed(), filled


class _Inference:
    """Shapes that spread along the edges until nothing changes."""

    def __init__(
        self, graph: nir.NIRGraph, where: str, inputs: Shape | None, depth: int, filled: list[tuple[str, str]] | None
    ):
        check_depth(where, depth)
        self.graph, self.where, self.depth, self.filled = graph, where, depth, filled
        self.edges = checked_edges(graph, where)
        self.nodes: dict[str, Any] = {}
        self.taken: dict[str, Shape | None] = {}
        self.shown: dict[str, Shape | None] = {}
        self.open: dict[str, nir.NIRGraph] = {}  # nested graphs still to be visited, each once
        for name, node in graph.nodes.items():
            self._enter(name, node)
        self.touching: dict[str, list[tuple[str, str]]] = {name: [] for name in self.nodes}
        for edge in self.edges:
            for name in set(edge):
                self.touching[name].append(edge)
        if inputs is not None:
            (port,) = (name for name, node in self.nodes.items() if isinstance(node, nir.Input))
            self._settle(port, inputs, f"the edge into graph {where!r}")
        self._spread(self.edges)
        while self.open:
            name = self._first_open()
            self._nest(name, None)
            self._spread(self.touching[name])

    def _first_open(self) -> str:
        """Return a nested graph that no other feeds, or the first one if there is none."""
        fed = {end for start, end in self.edges if start in self.open}
        return next((name for name in self.open if name not in fed), next(iter(self.open)))

    def _path(self, name: str) -> str:
        return place(self.where, name)

    def _edge(self, start: str, end: str) -> str:
        return f"edge {self._path(start)!r} -> {self._path(end)!r}"

    def _enter(self, name: str, node: nir.NIRNode) -> None:
        path = self._path(name)
        if isinstance(node, nir.NIRGraph):
            self._check_ports(name, node)
            self.nodes[name], self.taken[name], self.shown[name] = node, None, None
            self.open[name] = node
            ports = [inner for inner in node.nodes.values() if isinstance(inner, nir.Input)]
            if len(ports) == 1 and fixed_shapes(ports[0], path)[0] is not None:
                self._nest(name, None)
            return
        new = normalized(node, path)
        if self.filled is not None:
            self._fill(new, path, None)
        check_parameters(new, path)
        self.nodes[name] = new
        self.taken[name], self.shown[name] = fixed_shapes(new, path)

    def _check_ports(self, name: str, node: nir.NIRGraph) -> None:
        for kind, side in ((nir.Input, 1), (nir.Output, 0)):
            ports = sum(isinstance(inner, kind) for inner in node.nodes.values())
            if ports != 1 and any(edge[side] == name for edge in self.edges):
                raise refusal("NIR219", f"graph {self._path(name)!r}", f"{ports} {kind.__name__} nodes")

    def _nest(self, name: str, inputs: Shape | None) -> None:
        new = _Inference(self.open.pop(name), self._path(name), inputs, self.depth + 1, self.filled).typed()
        self.nodes[name] = new
        self.taken[name] = _only(list((new.input_type or {}).values()))
        self.shown[name] = _only(list(new.output_type.values()))

    def _spread(self, edges: list[tuple[str, str]]) -> None:
        waiting = deque(edges)
        while waiting:
            start, end = waiting.popleft()
            shown, taken = self.shown[start], self.taken[end]
            if shown is not None and shown != taken:
                self._settle(end, shown, self._edge(start, end), self._remedy(start, taken))
                waiting.extend(self.touching[end])
            elif shown is None and taken is not None and self._is_elementwise(start):
                self._settle(start, taken, self._edge(start, end))
                waiting.extend(self.touching[start])

    def _is_elementwise(self, name: str) -> bool:
        node = self.nodes[name]
        return not isinstance(node, nir.NIRGraph) and type_name(node, name) in {*NEURONS, "Input", "Output"}

    def _remedy(self, name: str, goal: Shape | None) -> str | None:
        """Return a remedy if a Flatten would give the desired shape by starting at another axis."""
        node, shape = self.nodes[name], self.taken[name]
        for axis in range(len(shape or ()) if isinstance(node, nir.Flatten) and goal is not None else 0):
            other = copy.copy(node)
            other.start_dim = axis
            try:
                fits = shape is not None and output_shape(other, shape, name) == goal
            except NIRError:
                fits = False
            if fits:
                fix = f"start_dim={axis} instead of {node.start_dim} gives {list(goal or ())}"
                return f"NIR counts axes without the batch: in node {self._path(name)!r}, {fix}"
        return None

    def _settle(self, name: str, shape: Shape, reason: str, remedy: str | None = None) -> None:
        known, node = self.taken[name], self.nodes[name]
        if known is not None and known != shape:
            problem = f"{list(shape)} where node {self._path(name)!r} takes {list(known)}"
            raise refusal("NIR204", reason, problem, remedy)
        if isinstance(node, nir.NIRGraph):
            self._nest(name, shape)
            return
        if type_name(node, name) in NEURONS and shape:
            if self.filled is None:
                problem = f"a single value where the layer has shape {list(shape)}"
                raise refusal("NIR206", f"node {self._path(name)!r}", problem)
            self._fill(node, self._path(name), shape)
        self.taken[name] = shape
        self.shown[name] = output_shape(node, shape, self._path(name))

    def _fill(self, node: nir.NIRNode, path: str, shape: Shape | None) -> None:
        """Repeat the single numbers among a neuron's parameters, over ``shape`` or, if None, that of the others."""
        name = type_name(node, path)
        if name not in NEURONS or self.filled is None:
            return
        shapes = {field: getattr(node, field).shape for field in PRIMITIVES[name]}
        single = [field for field, own in shapes.items() if own == ()]
        others = {own for own in shapes.values() if own != ()}
        target = _only(list(others)) if shape is None else shape
        if not single or target is None:
            return
        if math.prod(target) > _MAX_FILLED:
            problem = f"single values for {math.prod(target)} neurons"
            raise refusal("NIR105", f"node {path!r}", problem, "give one per neuron")
        for field in single:
            setattr(node, field, np.full(target, getattr(node, field)))
        self.filled.append((path, f"{', '.join(single)} for shape {list(target)}"))

    def typed(self) -> nir.NIRGraph:
        """Return the copy, with the inferred types."""
        joined = {name for edge in self.edges for name in edge}
        for name, node in self.nodes.items():
            if not isinstance(node, nir.NIRGraph):
                if name in joined and (self.taken[name] is None or self.shown[name] is None):
                    raise refusal("NIR205", f"node {self._path(name)!r}", "neither it nor its neighbors state one")
                _set_types(node, self.taken[name], self.shown[name])
        new = copy.copy(self.graph)
        new.nodes, new.edges = self.nodes, self.edges
        new.metadata = dict(self.graph.metadata) if isinstance(self.graph.metadata, dict) else {}
        new.input_type = {n: node.input_type["input"] for n, node in self.nodes.items() if isinstance(node, nir.Input)}
        new.output_type = {
            n: node.output_type["output"] for n, node in self.nodes.items() if isinstance(node, nir.Output)
        }
        return new


def _only(shapes: list[Any]) -> Shape | None:
    return None if len(shapes) != 1 or shapes[0] is None else tuple(int(size) for size in shapes[0])


def checked_edges(graph: nir.NIRGraph, where: str) -> list[tuple[str, str]]:
    """Return the edges of a graph; each end must be a node."""
    edges = [(start, end) for start, end in graph.edges]
    for start, end in edges:
        for name in (start, end):
            if name not in graph.nodes:
                known = ", ".join(repr(known) for known in sorted(graph.nodes)[:20])
                missing = f"{name!r}, named by the edge {start!r} -> {end!r}"
                raise refusal("NIR201", graph_at(where), missing, f"name one of {known}")
    return edges


def _set_types(node: Any, taken: Shape | None, shown: Shape | None) -> None:
    node.input_type = {"input": None if taken is None else np.array(taken, dtype=int)}
    node.output_type = {"output": None if shown is None else np.array(shown, dtype=int)}
    if taken is not None and isinstance(node, nir.Conv1d):
        node.input_shape = taken[1]
    elif taken is not None and isinstance(node, nir.Conv2d):
        node.input_shape = taken[1:]
