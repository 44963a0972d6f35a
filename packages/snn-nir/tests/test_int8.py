"""Integer weights with a scale behind them: exact where the weights are on a grid, and rounded by half a step else."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from torch import nn

import snn_core as snn
from snn_nir import NIRError, from_nir
from snn_nir.checking.fidelity import fidelity
from snn_nir.exporting import to_nir
from snn_nir.files.writing import write
from snn_nir.graphs.int8 import to_int8
from snn_nir.graphs.metadata import read_metadata

from .reference import simulate


def on_grid(layer: nn.Module, bits: int) -> nn.Module:
    """A layer whose weights are integers of up to 7 bits times 2^-bits."""
    with torch.no_grad():
        layer.weight.copy_(torch.randint(-127, 128, layer.weight.shape) * 2.0**-bits)
    return layer


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(
        on_grid(nn.Conv2d(2, 4, 3, groups=2), 5),
        snn.Leaky(0.9, init_hidden=True),
        nn.Flatten(),
        on_grid(nn.Linear(4 * 3 * 2, 3, bias=False), 7),
        snn.RLeaky(0.8, linear_features=3, init_hidden=True, reset_mechanism="zero"),
    )


def test_weights_on_a_power_of_two_grid_lose_nothing(net, tmp_path):
    on_grid(net[4].recurrent, 6)
    graph = to_int8(to_nir(net, torch.zeros(1, 2, 5, 4)))
    write(graph, tmp_path / "small.nir")
    weights = [n.weight for n in graph.nodes.values() if hasattr(n, "weight")]
    assert {w.dtype for w in weights} == {np.dtype(np.int8)}
    assert read_metadata(graph.nodes["0"])["rounding"] == 0
    twin = from_nir(tmp_path / "small.nir")
    xs = torch.randint(0, 3, (60, 2, 2, 5, 4)).float()
    expected = snn.unroll(net, xs)
    assert expected.any()
    assert fidelity(net, graph, xs).identical
    assert snn.unroll(twin, xs).equal(expected)


def test_other_weights_are_rounded_by_at_most_half_a_step():
    torch.manual_seed(0)
    layer = nn.Linear(9, 5).double()
    graph = to_int8(to_nir(layer, torch.zeros(1, 9).double()))
    steps = np.abs(layer.weight.detach().numpy()).max(1) / 127
    np.testing.assert_allclose(graph.nodes["linear.scale"].scale, steps, rtol=1e-12)
    assert 0 < read_metadata(graph.nodes["linear"])["rounding"] <= steps.max() / 2
    x = torch.randn(4, 9).double()
    result = simulate(graph, x[None].numpy(), 1e-4)["output"][0]
    bound = (np.abs(x.numpy()) @ np.ones((9, 1))) * steps / 2
    assert (np.abs(result - layer(x).detach().numpy()) <= bound + 1e-12).all()


def test_integers_reach_127_and_never_128():
    weight = np.array([[1.0, -1.0, 0.5], [127 / 256, -127 / 256, 1 / 256]])
    graph = to_int8(nir.NIRGraph.from_list(nir.Linear(weight)))
    small = graph.nodes["linear"].weight
    assert small.tolist() == [[64, -64, 32], [127, -127, 1]]
    np.testing.assert_array_equal(small * graph.nodes["linear.scale"].scale[:, None], weight)


def test_a_row_of_zeros_and_a_nested_graph():
    inner = nir.NIRGraph.from_list(nir.Input(np.array([2])), nir.Affine(np.zeros((2, 2)), np.ones(2)), nir.Output(None))
    ports = {"a": nir.Input(np.array([2])), "b": inner, "c": nir.Output(None)}
    graph = to_int8(nir.NIRGraph(ports, [("a", "b"), ("b", "c")], type_check=False))
    affine = graph.nodes["b"].nodes["affine"]
    assert not affine.weight.any()
    assert affine.bias.tolist() == [1.0, 1.0]


def test_the_graph_itself_stays_as_it_was(net):
    graph = to_nir(net, torch.zeros(1, 2, 5, 4))
    before = graph.nodes["0"].weight.copy()
    to_int8(graph)
    np.testing.assert_array_equal(graph.nodes["0"].weight, before)
    assert "0.scale" not in graph.nodes


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(NIRError, match=r"NIR207: .*'linear'"):
        to_int8(nir.NIRGraph.from_list(nir.Linear(np.array([[np.inf, 0.0]]))))


def test_an_integer_bias_of_real_weights_is_scaled_and_not_cut():
    weight = np.array([[1.27, -0.5], [0.3, 0.1]], dtype=np.float32)
    graph = to_int8(nir.NIRGraph.from_list(nir.Affine(weight, np.array([2, -3]))))
    bias = graph.nodes["affine"].bias * graph.nodes["affine.scale"].scale
    np.testing.assert_allclose(bias, [2, -3], rtol=1e-6)


def test_a_layer_without_neurons_stays_one():
    layers = nir.Linear(np.ones((0, 3), np.float32)), nir.Affine(np.ones((2, 0)), np.ones(2))
    graph = to_int8(nir.NIRGraph.from_list(*layers))
    assert [node.weight.shape for node in graph.nodes.values() if hasattr(node, "weight")] == [(0, 3), (2, 0)]
    assert graph.nodes["affine"].bias.tolist() == [1.0, 1.0]
