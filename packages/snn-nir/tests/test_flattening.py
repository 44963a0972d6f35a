"""Nested graphs as flat ones."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

from snn_nir import NIRError, from_nir
from snn_nir.graphs.flattening import flattened

SHAPE = np.array([2])


def graph(nodes, edges):
    return nir.NIRGraph(nodes, edges, type_check=False)


def box(**inner):
    return graph(
        {"i": nir.Input(SHAPE), **inner, "o": nir.Output(SHAPE)}, [("i", k) for k in inner] + [(k, "o") for k in inner]
    )


def outer(inner, **more):
    nodes = {"a": nir.Input(SHAPE), "b": inner, "c": nir.Output(SHAPE), **more}
    return graph(nodes, [("a", "b"), ("b", "c")])


def test_nodes_get_the_path_as_their_name_and_edges_lead_through_the_ports():
    flat = flattened(outer(box(s=nir.Scale(np.ones(2)))))
    assert set(flat.nodes) == {"a", "b.i", "b.s", "b.o", "c"}
    assert set(flat.edges) == {("a", "b.i"), ("b.i", "b.s"), ("b.s", "b.o"), ("b.o", "c")}


def test_graphs_nest_in_graphs():
    flat = flattened(outer(box(x=box(y=box(s=nir.Scale(np.ones(2)))))))
    assert "b.x.y.s" in flat.nodes
    assert ("b.x.y.o", "b.x.o") in flat.edges


def test_a_name_that_is_taken_gets_a_number():
    flat = flattened(outer(box(s=nir.Scale(2 * np.ones(2))), **{"b.s": nir.Scale(np.ones(2))}))
    assert {"b.s", "b.s_2"} <= set(flat.nodes)
    assert sum(float(flat.nodes[n].scale[0]) for n in ("b.s", "b.s_2")) == 3


def test_the_graph_stays_as_it_is():
    nested = outer(box(s=nir.Scale(np.ones(2))))
    edges = list(nested.edges)
    flattened(nested)
    assert (list(nested.nodes), nested.edges) == (["a", "b", "c"], edges)


def refused(graph: nir.NIRGraph, message: str) -> None:
    with pytest.raises(NIRError, match=message):
        from_nir(graph, dt=1.0)


def test_an_edge_into_a_graph_with_two_inputs_is_refused():
    inner = graph({"i": nir.Input(SHAPE), "j": nir.Input(SHAPE), "o": nir.Output(SHAPE)}, [("i", "o"), ("j", "o")])
    refused(outer(inner), r"NIR219: graph 'b': .*2 Input nodes")


def test_an_edge_to_nowhere_is_refused():
    nodes = {"a": nir.Input(SHAPE), "c": nir.Output(SHAPE)}
    refused(graph(nodes, [("a", "x"), ("x", "y"), ("y", "c")]), "NIR201: graph: .*'x', named by the edge 'a' -> 'x'")


def test_a_graph_in_itself_is_refused():
    inner = box()
    inner.nodes["again"] = inner
    refused(outer(inner), r"NIR107: graph 'b/again/again")


def test_an_input_keeps_its_place_where_a_nested_node_has_its_name():
    nodes = {"b": box(i2=nir.Scale(np.full(2, 3.0, np.float32))), "b.i": nir.Input(SHAPE), "c": nir.Output(SHAPE)}
    net = from_nir(graph(nodes, [("b.i", "b"), ("b", "c")]), dt=1.0)
    assert net(torch.ones(1, 2)).tolist() == [[3.0, 3.0]]
