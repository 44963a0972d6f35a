"""Graphs as text and as charts."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from snn_nir import NIRError
from snn_nir.graphs.text import to_mermaid, to_text

from .whole_graphs import chain, convolutional, every_primitive, recurrent


def test_a_nested_graph_as_text():
    text = to_text(recurrent(nested=True)).splitlines()
    assert [line.split()[:2] for line in text] == [
        ["input", "Input"],
        ["layer", "NIRGraph"],
        ["in", "Input"],
        ["lif", "CubaLIF"],
        ["w_rec", "Affine"],
        ["out", "Output"],
        ["output", "Output"],
    ]
    assert text[1].endswith("-> output")
    assert text[2].startswith("  in")
    assert text[3].endswith("-> w_rec, out")


def test_unknown_shapes_show_as_question_marks():
    line = to_text(convolutional()).splitlines()[1]
    assert line.split()[:5] == ["conv2d_0", "Conv2d", "?", "->", "?"]
    assert "stride=[1, 2] padding=[2, 1] dilation=1 groups=2 bias=[4] in [" in line


@pytest.mark.parametrize("graph", every_primitive())
def test_every_node_has_its_line_and_its_box(graph: nir.NIRGraph):
    assert len(to_text(graph).splitlines()) >= len(graph.nodes)
    chart = to_mermaid(graph)
    assert all(name in chart for name in graph.nodes)
    assert chart.count("subgraph") == chart.count("\n  end")


def test_empty_weights_and_an_empty_graph_have_text():
    assert "weight=[0, 3]" in to_text(chain(nir.Linear(np.ones((0, 3))), shape=(3,)))
    assert to_text(nir.NIRGraph({}, [], type_check=False)) == ""


def test_names_cannot_change_the_chart():
    graph = chain(nir.Scale(np.ones(2)), shape=(2,))
    name = 'x"];\nclick n0 "javascript:alert(1)'
    graph.nodes[name] = graph.nodes.pop("scale_0")
    graph.edges = [("input", name), (name, "output")]
    chart = to_mermaid(graph)
    assert len(chart.splitlines()) == 1 + 3 + 2
    assert "x#34;#93;#59;#10;click n0 #34;javascript#58;alert#40;1#41;" in chart


@pytest.mark.parametrize("text_of", [to_text, to_mermaid])
def test_a_graph_in_itself_is_refused(text_of):
    graph = chain(nir.Scale(np.ones(2)), shape=(2,))
    graph.nodes["again"] = graph
    with pytest.raises(NIRError, match="NIR107: graph 'again/again"):
        text_of(graph)


def test_a_chart_with_an_edge_to_a_missing_node_is_refused():
    graph = chain(nir.Scale(np.ones(2)), shape=(2,))
    graph.edges.append(("scale_0", "nowhere"))
    with pytest.raises(NIRError, match=r"NIR201: graph: .*'nowhere'"):
        to_mermaid(graph)
