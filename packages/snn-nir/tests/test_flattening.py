"""Nested graphs as flat ones."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from snn_nir import NIRError
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


def test_an_edge_into_a_graph_with_two_inputs_is_refused():
    inner = graph({"i": nir.Input(SHAPE), "j": nir.Input(SHAPE), "o": nir.Output(SHAPE)}, [("i", "o"), ("j", "o")])
    with pytest.raises(NIRError, match=r"NIR219: graph 'b': .*2 nodes of type Input"):
        flattened(outer(inner))


def test_an_edge_to_nowhere_is_refused():
    with pytest.raises(NIRError, match=r"NIR201: edge 'a' -> 'x': .*no node 'x' among a, c"):
        flattened(graph({"a": nir.Input(SHAPE), "c": nir.Output(SHAPE)}, [("a", "x")]))


def test_a_graph_in_itself_is_refused():
    inner = box()
    inner.nodes["again"] = inner
    with pytest.raises(NIRError, match=r"NIR107: graph 'b.again.again"):
        flattened(outer(inner))
