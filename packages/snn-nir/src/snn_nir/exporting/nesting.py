"""Nodes put back into the nested graphs that they came from."""

from __future__ import annotations

from typing import Any

import nir

from snn_nir.exporting.drawing import Drawing

__all__ = ["nest"]


def nest(drawing: Drawing) -> None:
    """Move nodes into the nested graphs of their places, and the edges among them.

    Args:
        drawing: The graph, complete; changed in place.

    Example:
        >>> import numpy as np
        >>> from snn_nir.exporting.settings import Settings
        >>> from snn_nir.flattening import GraphPlace
        >>> drawing = Drawing(Settings())
        >>> shape = np.array([2])
        >>> drawing.nodes = {"a": nir.Input(shape), "b.in": nir.Input(shape), "b.out": nir.Output(shape)}
        >>> drawing.edges = [("a", "b.in"), ("b.in", "b.out")]
        >>> drawing.places = {"a": GraphPlace((), "a", "Input"), "b.in": GraphPlace(("b",), "in", "Input")}
        >>> drawing.places["b.out"] = GraphPlace(("b",), "out", "Output")
        >>> nest(drawing)
        >>> drawing.edges, drawing.nodes["b"].edges
        ([('a', 'b')], [('in', 'out')])
    """
    graphs: dict[tuple[str, ...], tuple[dict[str, Any], list[tuple[str, str]]]] = {(): ({}, [])}
    for name, node in drawing.nodes.items():
        place = drawing.places[name]
        for depth in range(1, len(place.graphs) + 1):
            graphs.setdefault(place.graphs[:depth], ({}, []))
        graphs[place.graphs][0][place.name] = node
    for start, end in drawing.edges:
        graph, source = drawing.places[start].start
        graphs[graph][1].append((source, drawing.places[end].end[1]))
    for path in sorted(graphs, key=len, reverse=True)[:-1]:
        nodes, edges = graphs[path]
        graphs[path[:-1]][0][path[-1]] = nir.NIRGraph(nodes, edges, type_check=False)
    drawing.nodes, drawing.edges = graphs[()]
