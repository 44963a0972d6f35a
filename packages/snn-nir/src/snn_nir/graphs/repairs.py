"""Repairs of graphs that have exactly one possible repair, each with a warning."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import nir

from snn_nir.codes import NIRError, announce
from snn_nir.graphs.fields import assembled, check_depth, graph_at, missing_ports, node_fields, place, walk
from snn_nir.graphs.normalizing import shape_of
from snn_nir.graphs.shapes import infer_filled
from snn_nir.graphs.values import check_values

_CONTRADICTIONS = frozenset({"NIR204", "NIR205", "NIR212"})


def repaired(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Return a copy of a graph that can be run: repaired, with all shapes, and with values checked.

    Four things are repaired, each with an :class:`~snn_nir.codes.NIRWarning`:

    - exactly one name that is only in edges and one node that is in no edge: the edges are renamed (``NIR202``);
    - a missing Input or Output at the start or the end: it is added (``NIR211``);
    - a single number instead of one per neuron: it is repeated (``NIR213``);
    - a stated shape (of Output, Flatten, a nested Input, or a convolution's ``input_shape``) that contradicts the
      shapes of the parameters, and axes such as the batch before those of an Input: the inferred shape is used
      (``NIR214``).
    """
    notes: list[tuple[str, str, str]] = []
    connected = _connected(graph, "", notes, 0)
    whole, filled = _inferred(connected, notes)
    notes += [("NIR213", f"node {path!r}", f"repeated {what}") for path, what in dict.fromkeys(filled)]
    check_values(whole)
    for note in notes:
        announce(*note)
    return whole


def _connected(graph: nir.NIRGraph, where: str, notes: list[tuple[str, str, str]], depth: int) -> nir.NIRGraph:
    check_depth(where, depth)
    new = copy.copy(graph)
    new.nodes = {
        name: _connected(node, place(where, name), notes, depth + 1) if isinstance(node, nir.NIRGraph) else node
        for name, node in graph.nodes.items()
    }
    new.edges = _renamed(graph, graph_at(where), notes)
    _add_ports(new, where, notes)
    for error in missing_ports(new, where):
        raise error
    return new


def _renamed(graph: nir.NIRGraph, here: str, notes: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    edges = [(start, end) for start, end in graph.edges]
    ends = {name for edge in edges for name in edge}
    missing, unconnected = ends - graph.nodes.keys(), graph.nodes.keys() - ends
    if len(missing) != 1 or len(unconnected) != 1:
        return edges
    (old,), (new,) = missing, unconnected
    notes.append(("NIR202", here, f"{old!r} is now {new!r}"))
    return [(new if start == old else start, new if end == old else end) for start, end in edges]


def _add_ports(graph: nir.NIRGraph, where: str, notes: list[tuple[str, str, str]]) -> None:
    """Add an Input before every node that nothing feeds, and an Output after every node that feeds nothing."""
    starts = {start for start, _ in graph.edges}
    ends = {end for _, end in graph.edges}
    alone = len(graph.nodes) == 1
    added: dict[str, nir.NIRNode] = {}
    before, after = [], []
    for name, node in graph.nodes.items():
        if isinstance(node, (nir.Input, nir.Output)):
            continue
        if name not in ends and (name in starts or alone):
            port = _free(f"input_{name}", graph.nodes)
            added[port] = assembled("Input", {"shape": None}, {})
            before.append((port, name))
        if name not in starts and (name in ends or alone):
            port = _free(f"output_{name}", graph.nodes)
            added[port] = assembled("Output", {"shape": None}, {})
            after.append((name, port))
    notes += [("NIR211", f"node {place(where, port)!r}", "it was missing") for port in added]
    graph.nodes = graph.nodes | added
    graph.edges = [*before, *graph.edges, *after]


def _free(name: str, nodes: dict[str, Any]) -> str:
    number, free = 0, name
    while free in nodes:
        free, number = f"{name}_{number}", number + 1
    return free


def _inferred(graph: nir.NIRGraph, notes: list[tuple[str, str, str]]) -> tuple[nir.NIRGraph, list[tuple[str, str]]]:
    try:
        return infer_filled(graph)
    except NIRError as error:
        if error.code not in _CONTRADICTIONS:
            raise
        first = error
    for inputs_too in (False, True):
        try:
            whole, filled = infer_filled(_without_stated(graph, inputs_too))
        except NIRError:
            continue
        inferred = dict(_stated(whole))
        changes = [
            (path, shape, now)
            for path, shape in _stated(graph)
            if shape is not None and (now := inferred.get(path)) is not None and shape != now
        ]
        # whatever feeds the graph has the size of its Input, so the size of the parameters would be wrong
        if any(isinstance(graph.nodes.get(path), nir.Input) and not _ends_with(*sizes) for path, *sizes in changes):
            break
        notes += [("NIR214", f"node {path!r}", f"{list(shape)} is now {list(now)}") for path, shape, now in changes]
        return whole, filled
    raise first


def _ends_with(shape: tuple[int, ...], end: tuple[int, ...]) -> bool:
    return shape[max(len(shape) - len(end), 0) :] == end


def _without_stated(graph: nir.NIRGraph, inputs_too: bool) -> nir.NIRGraph:
    new = copy.copy(graph)
    new.nodes = {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            new.nodes[name] = _without_stated(node, inputs_too)
            continue
        bare: Any = copy.copy(node)
        if isinstance(node, (nir.Conv1d, nir.Conv2d)):
            bare.input_shape = None
        elif isinstance(node, (nir.Flatten, nir.Output)) or (inputs_too and isinstance(node, nir.Input)):
            bare.input_type, bare.output_type = {"input": None}, {"output": None}
        new.nodes[name] = bare
    return new


def _stated(graph: nir.NIRGraph) -> Iterator[tuple[str, tuple[int, ...] | None]]:
    for path, node in walk(graph):
        fields = {} if isinstance(node, nir.NIRGraph) else node_fields(node, path)
        for field in fields.keys() & {"shape", "input_shape", "input_type"}:  # a node has at most one of them
            yield path, shape_of(fields[field], path)
