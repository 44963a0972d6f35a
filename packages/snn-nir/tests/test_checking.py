"""Tests of the checker: it reports what is wrong, and nothing else."""

from __future__ import annotations

import pickle

import nir
import numpy as np
import pytest

from snn_core.backends import Issue
from snn_nir.checking.check import PROFILES, check
from snn_nir.codes import CODES, NIRError, refusal

from .whole_graphs import chain, every_primitive, neurons, recurrent


def codes(graph: nir.NIRGraph, profile: str = "nir") -> list[tuple[str, str]]:
    return [(finding.severity, finding.code) for finding in check(graph, profile)]


@pytest.mark.parametrize("graph", every_primitive())
def test_a_whole_graph_has_no_findings(graph: nir.NIRGraph):
    assert check(graph) == []


def graph_with(**nodes: nir.NIRNode) -> nir.NIRGraph:
    graph = chain(nir.Scale(np.ones(2)), shape=(2,))
    graph.nodes |= nodes
    return graph


def test_all_findings_are_reported_at_once_errors_first():
    graph = graph_with(alone=nir.Delay(-np.ones(2)), bad=nir.Threshold(np.array([np.inf])))
    graph.nodes["a/b"] = nir.Scale(np.ones(2), metadata={"nothing": None})
    graph.edges += [("input", "scale_0"), ("input", "nowhere"), ("a/b", "output")]
    assert codes(graph) == [
        ("error", "NIR113"),
        ("error", "NIR114"),
        ("error", "NIR201"),
        ("error", "NIR208"),
        ("error", "NIR207"),
        ("warning", "NIR209"),
        ("warning", "NIR209"),
        ("warning", "NIR210"),
    ]


def test_every_finding_reads_as_severity_code_place_and_remedy():
    (finding,) = check(graph_with(alone=nir.Threshold(np.ones(2))))
    assert str(finding) == (
        "warning NIR209: node 'alone': a node is not connected: no edge names it; connect it or remove it"
    )


def test_a_finding_is_an_issue_that_unpacks_into_code_severity_and_text():
    (finding,) = check(graph_with(alone=nir.Threshold(np.ones(2))))
    assert isinstance(finding, Issue)
    assert finding.where == "node 'alone'"
    assert finding.message == "a node is not connected: no edge names it"
    assert finding.remedy == CODES["NIR209"].remedy
    code, severity, text = finding
    assert (code, severity, text) == (finding[0], finding[1], finding[2]) == ("NIR209", "warning", finding.text)


def test_an_error_has_its_finding_also_where_it_was_sent():
    error = refusal("NIR208", "node 'lif'", "tau is -1.0")
    (finding,) = {error.finding, pickle.loads(pickle.dumps(error)).finding}
    assert finding is not None
    assert str(error) == f"NIR208: {finding.text}"


def test_a_cycle_needs_a_node_that_keeps_a_state():
    graph = chain(nir.Scale(np.ones(2)), nir.Scale(np.ones(2)), shape=(2,))
    graph.edges.append(("scale_1", "scale_0"))
    assert codes(graph) == [("error", "NIR215")]
    graph.nodes["scale_1"] = nir.Delay(np.ones(2))
    assert codes(graph) == []


def test_nested_graphs_are_looked_into():
    graph = recurrent(nested=True)
    graph.nodes["layer"].nodes["lif"].tau_mem = np.array([1.0, 0.0, 1.0])
    graph.nodes["layer"].nodes["alone"] = nir.Scale(np.ones(1))
    assert [finding.text.split(":")[0] for finding in check(graph)] == [
        "node 'layer/lif', tau_mem",
        "node 'layer/alone'",
    ]


def test_no_input_and_no_output():
    graph = nir.NIRGraph({"lif": neurons(2)[6]}, [], type_check=False)
    assert codes(graph) == [("error", "NIR203"), ("error", "NIR203"), ("warning", "NIR209")]


def test_shapes_that_disagree():
    assert codes(chain(nir.Scale(np.ones(3)), shape=(2,))) == [("error", "NIR204")]


def test_the_profile_of_the_older_format():
    graph = chain(*neurons(3, v_reset=-1.0)[:5], shape=(3,), metadata={"a": 1})
    assert codes(graph) == []
    assert codes(graph, "nir<=1.0.4") == [("error", "NIR117"), ("warning", "NIR117")]


def test_the_profile_of_a_framework_tells_what_it_refuses_and_what_it_changes():
    lif = nir.LIF(*(np.full(3, value) for value in (1e-2, 1.0, 0.0, 1.0, -0.5)))
    (finding,) = check(chain(lif, shape=(3,)), "norse")
    assert (finding.severity, finding.code) == ("warning", "NIR218")
    assert finding.text.startswith("norse 1.1.0, lif_0: differs: v_reset is ignored: reset to 0")
    assert codes(chain(lif, shape=(3,)), "spikingjelly")[0] == ("error", "NIR218")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("graph", every_primitive())
def test_every_profile_checks_every_graph(profile: str, graph: nir.NIRGraph):
    assert {finding.code for finding in check(graph, profile)} <= {"NIR117", "NIR218"} & CODES.keys()


def test_an_unknown_profile_is_refused():
    with pytest.raises(NIRError, match=r"NIR217: profile: .*'loihi'; use one of nir, nir<=1\.0\.4, snntorch"):
        check(recurrent(), "loihi")


def test_a_graph_in_itself_is_a_finding():
    graph = chain(nir.Scale(np.ones(3)), shape=(3,))
    graph.nodes["scale_0"] = graph
    assert codes(graph) == [("error", "NIR107")]
