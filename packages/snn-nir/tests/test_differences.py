"""Tests of the differences between two graphs."""

from __future__ import annotations

import copy
import io

import nir
import numpy as np
import pytest

from snn_nir import NIRError, infer, read, write
from snn_nir.graphs.differences import diff

from .whole_graphs import chain, every_primitive, recurrent


def scale(value, **options) -> nir.NIRGraph:
    return chain(nir.Scale(np.asarray(value), **options), shape=np.shape(value))


@pytest.mark.parametrize("graph", every_primitive())
def test_a_copy_is_equal(graph: nir.NIRGraph):
    assert diff(graph, copy.deepcopy(graph)) == []


def test_order_does_not_count():
    graph = recurrent()
    other = copy.copy(graph)
    other.nodes = dict(reversed(graph.nodes.items()))
    other.edges = graph.edges[::-1]
    assert diff(graph, other) == []


def test_nan_equals_nan():
    assert diff(scale([np.nan, 1.0]), scale([np.nan, 1.0])) == []
    assert diff(scale([np.nan, 1.0]), scale([-np.nan, 1.0])) == []


def test_the_sign_of_a_zero_survives_a_file():
    graph, file = scale([-0.0, 0.0]), io.BytesIO()
    write(graph, file)
    assert diff(read(file), infer(graph)) == []
    assert diff(read(file), scale([0.0, 0.0])) != []


CASES = {
    "a value": (scale([1.0, 2.0]), scale([1.0, 2.25]), "scale_0: scale: 1 of 2 values differ, by up to 0.25"),
    "the last bit": (
        scale(np.array([1.0])),
        scale(np.nextafter(np.array([1.0]), 2)),
        "scale_0: scale: 1 of 1 values differ, by up to 2.22045e-16",
    ),
    "the sign of 0": (scale([0.0, 1.0]), scale([-0.0, 1.0]), "scale_0: scale: 1 of 2 values differ in the sign of 0"),
    "the sign of a recorded 0": (
        scale([1.0], metadata={"a": 0.0}),
        scale([1.0], metadata={"a": -0.0}),
        "scale_0: metadata: a: 0.0 and -0.0",
    ),
    "a type": (scale(np.ones(2, "f4")), scale(np.ones(2)), "scale_0: scale: types float32 and float64"),
    "metadata": (scale([1.0], metadata={"a": {"b": 1}}), scale([1.0]), "scale_0: metadata: a/b: only in the first"),
    "a changed entry": (
        scale([1.0], metadata={"a": "x"}),
        scale([1.0], metadata={"a": "y"}),
        "scale_0: metadata: a: 'x' and 'y'",
    ),
    "the kind of node": (
        chain(nir.Threshold(np.ones(1)), shape=(1,)),
        nir.NIRGraph({"threshold_0": nir.Scale(np.ones(1))}, [], type_check=False),
        "threshold_0: type: Threshold and Scale",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_single_difference_is_reported_with_its_place(case):
    first, second, expected = CASES[case]
    assert expected in [str(difference) for difference in diff(first, second)]


def test_shapes_of_signals_and_parameters():
    differences = [str(difference) for difference in diff(scale([1.0]), scale([1.0, 1.0]))]
    assert differences == ["input: shape: 1 of 1 values differ, by up to 1", "scale_0: scale: shapes [1] and [2]"]


def test_nodes_and_edges_of_one_side_and_duplicate_edges():
    first, second = recurrent(), recurrent()
    second.nodes["more"] = nir.Scale(np.ones(3))
    second.edges = [*second.edges[1:], ("lif", "more"), ("lif", "more")]
    assert [str(difference) for difference in diff(first, second)] == [
        "more: node: only in the second",
        "graph: edges: 'input' -> 'lif' only in the first",
        "graph: edges: 'lif' -> 'more' only in the second, 2 times",
    ]


def test_a_nested_graph_is_looked_into():
    first, second = recurrent(nested=True), copy.deepcopy(recurrent(nested=True))
    second.nodes["layer"].nodes["w_rec"].bias[1] += 1
    second.nodes["layer"].metadata["kind"] = "other"
    assert [difference.where for difference in diff(first, second)] == ["layer/w_rec", "layer"]


def test_a_graph_in_itself_is_refused():
    graph = scale([1.0])
    graph.nodes["again"] = graph
    with pytest.raises(NIRError, match="NIR107: graph 'again/again"):
        diff(graph, graph)
