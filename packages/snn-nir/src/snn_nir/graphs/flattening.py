"""A graph without nested graphs."""

from __future__ import annotations

from itertools import chain, count
from typing import NamedTuple

import nir


class GraphPlace(NamedTuple):
    """The place of a node in a graph: the names of the nested graphs around it, its own, and its type."""

    graphs: tuple[str, ...]
    name: str
    kind: str

    def edge_end(self, port: str) -> tuple[tuple[str, ...], str]:
        """Return where an edge ends: the graphs around it, and the name of the node or, for this port, of its graph.

        The port is ``"Output"`` for an edge from the node, ``"Input"`` for one to it.
        """
        return (self.graphs[:-1], self.graphs[-1]) if self.graphs and self.kind == port else self[:2]


class Flat(NamedTuple):
    """Nodes of a graph and of all graphs nested in it, by unique names, the edges between them, and their places."""

    nodes: dict[str, nir.NIRNode]
    edges: list[tuple[str, str]]
    places: dict[str, GraphPlace]


def flattened(graph: nir.NIRGraph) -> Flat:
    """Put the nodes of nested graphs next to those of the graph itself, which :func:`~snn_nir.infer` has accepted.

    A node ``lif`` of a nested graph ``rnn`` becomes ``rnn.lif``. The nested Input and Output stay, as nodes that pass
    on their input.
    """
    flat = Flat({}, [], {})
    _add(graph, (), flat)
    return flat


def _add(graph: nir.NIRGraph, around: tuple[str, ...], flat: Flat) -> dict[str, tuple[str, str]]:
    """Add a graph's nodes; return, for each, the names at which edges to it and from it attach."""
    ends: dict[str, tuple[str, str]] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            inner = _add(node, (*around, name), flat)
            ends[name] = (_port(node, nir.Input, inner), _port(node, nir.Output, inner))
        else:
            unique = _unique(".".join([*around, name]), flat)
            flat.nodes[unique] = node
            flat.places[unique] = GraphPlace(around, name, type(node).__name__)
            ends[name] = unique, unique
    flat.edges.extend((ends[source][1], ends[target][0]) for source, target in graph.edges)
    return ends


def _port(graph: nir.NIRGraph, kind: type, ends: dict[str, tuple[str, str]]) -> str:
    """Return the one Input or Output of a graph; an empty name if it has several, as no edge touches such a graph."""
    ports = [ends[n][0] for n, node in graph.nodes.items() if isinstance(node, kind)]
    return ports[0] if len(ports) == 1 else ""


def _unique(name: str, flat: Flat) -> str:
    numbered = (f"{name}_{number}" for number in count(2))
    return next(n for n in chain([name], numbered) if n not in flat.nodes)
