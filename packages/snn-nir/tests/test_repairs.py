"""Tests of repairs: each is made and reported, or left out because there are two ways to do it."""

from __future__ import annotations

import io
import warnings

import nir
import numpy as np
import pytest

from snn_nir.codes import NIRError, NIRWarning
from snn_nir.files.reading import read
from snn_nir.graphs.differences import diff
from snn_nir.graphs.repairs import repaired
from snn_nir.graphs.shapes import infer

from .whole_graphs import chain, convolutional, every_primitive, neurons, recurrent


def repair(graph: nir.NIRGraph) -> tuple[nir.NIRGraph, list[str]]:
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        whole = repaired(graph)
    assert all(type(warning.message) is NIRWarning for warning in record)
    assert {warning.filename for warning in record} <= {__file__}
    return whole, [str(warning.message) for warning in record]


@pytest.mark.parametrize("graph", every_primitive())
def test_a_whole_graph_needs_no_repair(graph: nir.NIRGraph):
    whole, messages = repair(graph)
    assert messages == []
    assert diff(whole, infer(graph)) == []


def test_the_only_name_without_a_node_is_that_of_the_only_node_without_edges():
    broken, good = recurrent(nested=True), recurrent(nested=True)
    layer = broken.nodes["layer"]
    layer.nodes["lif1"] = layer.nodes.pop("lif")
    whole, messages = repair(broken)
    (line,) = messages
    assert line == (
        "NIR202: graph 'layer': edges renamed to the only unconnected node: 'lif' is now 'lif1'; "
        "write the repaired graph to keep it"
    )
    good.nodes["layer"].nodes["lif1"] = good.nodes["layer"].nodes.pop("lif")
    good.nodes["layer"].edges = [
        tuple("lif1" if name == "lif" else name for name in edge) for edge in good.nodes["layer"].edges
    ]
    assert diff(whole, infer(good)) == []


@pytest.mark.parametrize("more", ["a second node without edges", "a second name without a node"])
def test_two_ways_to_rename_are_none(more: str):
    graph = recurrent()
    graph.nodes["lif1"] = graph.nodes.pop("lif")
    if more == "a second node without edges":
        graph.nodes["lif2"] = graph.nodes["lif1"]
    else:
        graph.edges.append(("input", "other"))
    with pytest.raises(NIRError, match=r"NIR201: graph: .*named by the edge"):
        repaired(graph)


def test_a_missing_input_and_output_are_added_as_nir_adds_them():
    nodes = {"fc": nir.Linear(np.ones((2, 3))), "spk": nir.Threshold(np.ones(2))}
    whole, messages = repair(nir.NIRGraph(dict(nodes), [("fc", "spk")], type_check=False))
    assert [line[:28] for line in messages] == ["NIR211: node 'input_fc': an ", "NIR211: node 'output_spk': a"]
    assert diff(whole, nir.NIRGraph(dict(nodes), [("fc", "spk")])) == []


def test_an_added_name_is_a_free_one():
    nodes = {"fc": nir.Linear(np.ones((2, 3))), "input_fc": nir.Scale(np.ones(2)), "out": nir.Output(np.array([2]))}
    whole, _ = repair(nir.NIRGraph(nodes, [("fc", "input_fc"), ("input_fc", "out")], type_check=False))
    assert ("input_fc_0", "fc") in whole.edges


def test_a_node_that_nothing_names_gets_no_input():
    graph = chain(nir.Scale(np.ones(2)), shape=(2,))
    graph.nodes["alone"] = nir.Threshold(np.ones(3))
    whole, messages = repair(graph)
    assert messages == []
    assert set(whole.nodes) == set(graph.nodes)


def test_a_single_number_becomes_one_per_neuron():
    lif = neurons(3)[6]
    scalar = nir.LIF(*(np.array(value) for value in (0.01, 1.0, 0.0, 1.0)))
    mixed = neurons(3)[6]
    mixed.tau = np.array(0.5)
    whole, messages = repair(chain(nir.Linear(np.ones((3, 2))), scalar, mixed, lif, shape=(2,)))
    assert [line.split(":")[1] for line in messages] == [" node 'lif_2'", " node 'lif_1'"]
    assert "repeated tau, r, v_leak, v_threshold, v_reset for shape [3]" in messages[1]
    assert whole.nodes["lif_1"].tau.tolist() == [0.01] * 3
    assert whole.nodes["lif_2"].tau.tolist() == [0.5] * 3


def test_single_numbers_in_a_file_of_one_number_stay():
    whole, messages = repair(chain(nir.Scale(np.array(2.0)), shape=()))
    assert messages == []
    assert whole.nodes["scale_0"].scale.shape == ()


def test_a_wrong_stated_shape_gives_way_to_the_parameters():
    graph = convolutional()
    graph.nodes["conv2d_0"].input_shape = (7, 7)
    graph.nodes["output"] = nir.Output(np.array([9]))
    whole, messages = repair(graph)
    assert [line.split(";")[0] for line in sorted(messages)] == [
        "NIR214: node 'conv2d_0': a shape in the file differs from the inferred one: [7, 7] is now [8, 8]",
        "NIR214: node 'output': a shape in the file differs from the inferred one: [9] is now [3]",
    ]
    assert diff(whole, infer(convolutional())) == []


def test_a_batch_in_the_shape_of_an_input_is_taken_out():
    whole, messages = repair(chain(nir.Linear(np.ones((2, 3))), shape=(128, 3)))
    assert len(messages) == 1
    assert "node 'input': a shape in the file differs from the inferred one: [128, 3] is now [3]" in messages[0]
    assert whole.nodes["input"].input_type["input"].tolist() == [3]


@pytest.mark.parametrize(
    ("graph", "code"),
    [
        (nir.NIRGraph({}, [], type_check=False), "NIR203"),
        (chain(nir.Linear(np.ones((2, 3))), nir.Linear(np.ones((2, 4))), shape=(3,)), "NIR204"),
        (chain(nir.Scale(np.array([np.nan])), shape=(1,)), "NIR207"),
    ],
)
def test_an_irreparable_graph_is_refused_without_a_warning(graph: nir.NIRGraph, code: str):
    with pytest.raises(NIRError) as error:
        repaired(graph)
    assert error.value.code == code


def test_the_graph_stays_as_it_was():
    graph = recurrent()
    graph.nodes["lif1"] = graph.nodes.pop("lif")
    edges, nodes = list(graph.edges), dict(graph.nodes)
    repair(graph)
    assert (graph.edges, graph.nodes) == (edges, nodes)


def test_reading_repairs_and_points_at_the_caller():
    file = io.BytesIO()
    nir.write(file, nir.Threshold(np.ones(2)))
    with pytest.warns(NIRWarning, match="NIR211") as record:
        read(file)
    assert {warning.filename for warning in record} == {__file__}
