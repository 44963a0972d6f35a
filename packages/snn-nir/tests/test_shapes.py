"""Shapes, against those that torch's own layers give."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_nir.codes import NIRError
from snn_nir.graphs.shapes import infer

from .whole_graphs import chain, convolutional, neurons, recurrent


def shapes(graph: nir.NIRGraph) -> dict[str, tuple[list[int], list[int]]]:
    whole = infer(graph)
    return {
        name: (node.input_type["input"].tolist(), node.output_type["output"].tolist())
        for name, node in whole.nodes.items()
    }


def last(graph: nir.NIRGraph) -> tuple[int, ...]:
    return tuple(infer(graph).nodes["output"].output_type["output"])


sizes = st.integers(1, 3)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_two_dimensional_convolution_has_the_shape_of_torchs(data):
    groups, stride, dilation, kernel = (data.draw(st.tuples(sizes, sizes)) for _ in range(4))
    channels = groups[0] * groups[1]
    padding = data.draw(st.one_of(st.sampled_from(["same", "valid"]), st.tuples(st.integers(0, 2), st.integers(0, 2))))
    if padding == "same":  # torch warns of even kernels there
        stride, kernel = (1, 1), tuple(size - 1 if size == 2 else size for size in kernel)
    height, width = data.draw(st.tuples(st.integers(7, 11), st.integers(7, 11)))
    layer = torch.nn.Conv2d(channels, 2 * groups[0], kernel, stride, padding, dilation, groups[0])
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    node = nir.Conv2d(None, weight, stride, padding, dilation, groups[0], bias)
    expected = tuple(layer(torch.zeros(1, channels, height, width)).shape[1:])
    graph = chain(node, shape=(channels, height, width))
    assert last(graph) == expected
    assert infer(graph).nodes["conv2d_0"].input_shape == (height, width)


@pytest.mark.parametrize("padding", ["same", "valid", 2])
@pytest.mark.parametrize("groups", [1, 3])
def test_a_one_dimensional_convolution_has_the_shape_of_torchs(padding, groups):
    stride = 1 if padding == "same" else 2
    layer = torch.nn.Conv1d(3, 6, 4, stride, padding, 2, groups)
    node = nir.Conv1d(None, layer.weight.detach().numpy(), stride, padding, 2, groups, layer.bias.detach().numpy())
    assert last(chain(node, shape=(3, 11))) == tuple(layer(torch.zeros(1, 3, 11)).shape[1:])


@settings(deadline=None, max_examples=100)
@given(st.tuples(sizes, sizes), st.tuples(sizes, sizes), st.tuples(st.integers(0, 1), st.integers(0, 1)))
def test_pools_have_the_shape_of_torchs(kernel, stride, padding):
    padding = tuple(min(pad, size // 2) for pad, size in zip(padding, kernel, strict=True))
    expected = tuple(torch.nn.AvgPool2d(kernel, stride, padding)(torch.zeros(1, 2, 7, 9)).shape[1:])
    for kind in (nir.SumPool2d, nir.AvgPool2d):
        assert last(chain(kind(np.array(kernel), np.array(stride), np.array(padding)), shape=(2, 7, 9))) == expected


@pytest.mark.parametrize(("start", "end"), [(0, -1), (1, -1), (0, 1), (1, 2), (-2, -1), (2, 2), (0, 0)])
def test_flatten_counts_dimensions_without_the_batch(start, end):
    shifted = [dim + 1 if dim >= 0 else dim for dim in (start, end)]
    expected = tuple(torch.nn.Flatten(*shifted)(torch.zeros(4, 2, 3, 5)).shape[1:])
    assert last(chain(nir.Flatten({"input": None}, start, end), shape=(2, 3, 5))) == expected


def test_one_number_of_a_pool_stands_for_both_axes():
    assert last(chain(nir.SumPool2d(2, 2, 0), shape=(1, 4, 6))) == (1, 2, 3)


def test_every_signal_of_a_convolutional_chain():
    assert shapes(convolutional()) == {
        "input": ([2, 8, 8], [2, 8, 8]),
        "conv2d_0": ([2, 8, 8], [4, 8, 4]),
        "sumpool2d_1": ([4, 8, 4], [4, 5, 4]),
        "avgpool2d_2": ([4, 5, 4], [4, 5, 2]),
        "flatten_3": ([4, 5, 2], [40]),
        "affine_4": ([40], [3]),
        "output": ([3], [3]),
    }


def test_a_weight_of_more_axes_acts_on_the_last():
    assert last(chain(nir.Linear(np.ones((2, 5, 4, 3))), shape=(2, 5, 3))) == (2, 5, 4)


def test_the_input_takes_its_shape_from_the_first_node_that_has_one():
    nodes = {"in": nir.Input(None), "fc": nir.Linear(np.ones((2, 7))), "out": nir.Output(None)}
    graph = nir.NIRGraph(nodes, [("in", "fc"), ("fc", "out")], type_check=False)
    assert shapes(graph)["in"] == ([7], [7])


@pytest.mark.parametrize("nested", [False, True])
def test_a_cycle_has_shapes(nested):
    assert last(recurrent(nested=nested)) == (3,)


def test_a_nested_graph_takes_its_shape_from_outside():
    pool = nir.AvgPool2d(2, 2, 0)
    inner = nir.NIRGraph(
        {"in": nir.Input(None), "pool": pool, "out": nir.Output(None)},
        [("in", "pool"), ("pool", "out")],
        type_check=False,
    )
    graph = chain(inner, inner, shape=(3, 8, 12))
    assert last(graph) == (3, 2, 3)


def test_nested_graphs_are_gone_through_once():
    """Thirty levels, each with a node that a careless search would visit twice as often as the level above."""
    graph = chain(nir.AvgPool2d(1, 1, 0), shape=(1, 2, 2))
    graph.nodes["input"] = nir.Input(None)
    for _ in range(30):
        inner = graph
        graph = nir.NIRGraph(
            {"input": nir.Input(None), "a": nir.Scale(np.ones((1, 2, 2))), "b": inner, "output": nir.Output(None)},
            [("input", "a"), ("a", "b"), ("b", "output")],
            type_check=False,
        )
    assert last(graph) == (1, 2, 2)


def test_the_graph_stays_as_it_is_and_arrays_are_shared():
    graph = convolutional()
    whole = infer(graph)
    assert graph.nodes["conv2d_0"].input_shape is None
    assert graph.nodes["output"].output_type["output"] is None
    assert whole.nodes["affine_4"].weight is graph.nodes["affine_4"].weight


def test_tensors_become_arrays():
    weight = torch.nn.Linear(3, 2).weight
    node = infer(chain(nir.Linear(weight), shape=(3,))).nodes["linear_0"]
    assert isinstance(node.weight, np.ndarray)
    assert np.array_equal(node.weight, weight.detach().numpy())


def test_an_empty_layer_has_a_shape():
    assert last(chain(nir.Linear(np.ones((0, 3))), nir.Threshold(np.ones(0)), shape=(3,))) == (0,)


ones = np.ones


def conv(weight=(4, 2, 3, 3), stride=1, padding=0, dilation=1, groups=1, bias=(4,)):
    return nir.Conv2d(None, ones(weight), stride, padding, dilation, groups, ones(bias))


def lif(**shapes):
    node = neurons(3)[6]
    for field, shape in shapes.items():
        setattr(node, field, ones(shape))
    return node


def affine(bias):
    return nir.Affine(ones((2, 3)), bias)


def edges(graph: nir.NIRGraph, *more: tuple[str, str]) -> nir.NIRGraph:
    graph.edges = [*graph.edges, *more]
    return graph


def two_inputs() -> nir.NIRGraph:
    inner = nir.NIRGraph(
        {"a": nir.Input(np.array([3])), "b": nir.Input(np.array([3])), "out": nir.Output(np.array([3]))},
        [("a", "out"), ("b", "out")],
        type_check=False,
    )
    return chain(inner, shape=(3,))


def in_itself() -> nir.NIRGraph:
    graph = chain(nir.Scale(ones(3)), shape=(3,))
    graph.nodes["scale_0"] = graph
    return graph


REFUSED = {
    "an edge to nowhere": (edges(chain(lif(), shape=(3,)), ("input", "lfi")), "NIR201", r"'lfi', named by the edge"),
    "sizes that differ": (chain(nir.Linear(ones((2, 4))), shape=(3,)), "NIR204", r"\[3\] where node 'linear_0' takes"),
    "sizes summed": (
        edges(chain(nir.Linear(ones((2, 3))), shape=(3,)), ("input", "output")),
        "NIR204",
        r"edge '\w+' -> 'output'",
    ),
    "channels": (chain(conv(), shape=(3, 8, 8)), "NIR204", r"it takes \[2, H, W\] and gets \[3, 8, 8\]"),
    "a window larger than the signal": (chain(conv(), shape=(2, 2, 8)), "NIR204", r"a window of \[3, 3\]"),
    "a pool on a vector": (chain(nir.SumPool2d(2, 2, 0), shape=(4,)), "NIR204", r"it takes \[C, H, W\]"),
    "dimensions that are not there": (chain(nir.Flatten(None, 1, 3), shape=(2, 3)), "NIR204", r"start_dim 1"),
    "nothing known": (
        chain(nir.Flatten({"input": None}, 0), shape=(1,)),
        "NIR205",
        r"node 'input': .*give the Input",
    ),
    "parameters": (chain(lif(tau=(4,)), shape=(3,)), "NIR206", r"tau \[4\], r \[3\]"),
    "a single value": (chain(nir.Scale(np.array(2.0)), shape=(3,)), "NIR206", r"a single value .* shape \[3\]"),
    "a bias": (chain(affine(ones(3)), shape=(3,)), "NIR206", r"it takes weight \[\.\.\., out, in\]"),
    "a kernel": (chain(conv(weight=(4, 2, 3)), shape=(2, 8, 8)), "NIR206", r"it takes weight \[out, in / groups"),
    "groups": (chain(conv(groups=3), shape=(6, 8, 8)), "NIR212", r"4 output channels in 3 groups"),
    "padding same with a stride": (chain(conv(padding="same", stride=2), shape=(2, 8, 8)), "NIR212", r"'same'"),
    "a stride of 0": (chain(conv(stride=0), shape=(2, 8, 8)), "NIR212", r"stride: .*expected at least 1, got \[0, 0\]"),
    "a broken stride": (chain(conv(stride=np.array([1.5, 1])), shape=(2, 8, 8)), "NIR212", r"1\.5"),
    "three strides": (chain(conv(stride=np.ones(3)), shape=(2, 8, 8)), "NIR212", r"expected 2 numbers, got 3"),
    "a size beyond all": (chain(lif(), shape=(2**31,)), "NIR212", r"below 2\*\*31"),
    "text for numbers": (chain(affine("bias"), shape=(3,)), "NIR106", r"node 'affine_0', bias: .*str"),
    "complex numbers": (chain(affine(1j * ones(2)), shape=(3,)), "NIR106", r"dtype complex128"),
    "an unknown node": (chain(nir.ir.graph.Identity({"input": np.array([3])}), shape=(3,)), "NIR109", r"Identity"),
    "several inputs of a nested graph": (two_inputs(), "NIR219", r"2 Input nodes"),
    "a graph in itself": (in_itself(), "NIR107", r"more than 32 levels"),
}
REFUSED["nothing known"][0].nodes["input"] = nir.Input(None)


@pytest.mark.parametrize("case", REFUSED)
def test_impossible_graphs_are_refused_with_code_and_place(case):
    graph, code, text = REFUSED[case]
    with pytest.raises(NIRError, match=text) as error:
        infer(graph)
    assert error.value.code == code
