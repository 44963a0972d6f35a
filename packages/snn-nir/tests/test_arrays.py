"""Tensors whose memory holds the negatives of their numbers, as ``z.conj().imag`` of a complex one does."""

from __future__ import annotations

import copy
from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from snn_nir import from_nir
from snn_nir.exporting import to_nir
from snn_nir.files.reading import read
from snn_nir.files.writing import write
from snn_nir.graphs.differences import diff
from snn_nir.graphs.text import to_text
from snn_nir.graphs.values import array_of

from .exportable import CASES, FEATURES, build_neuron
from .whole_graphs import chain

LAYERS = {
    "linear": (nn.Linear(FEATURES, 3), (FEATURES,)),
    "convolution": (nn.Conv2d(2, 3, 2), (2, 5, 3)),
    "normalized": (nn.BatchNorm1d(FEATURES), (FEATURES,)),
}


def stored_negatively(values: Tensor) -> Tensor:
    """The same numbers, which NumPy refuses to see."""
    imaginary = torch.complex(torch.zeros_like(values), -values).conj().imag
    assert imaginary.is_neg()
    assert imaginary.equal(values)
    return imaginary


def negatively(net: nn.Module) -> nn.Module:
    """A copy of a net with all its parameters and buffers stored so."""
    net = copy.deepcopy(net)
    for module in net.modules():
        for name, value in module._parameters.items():
            module._parameters[name] = None if value is None else nn.Parameter(stored_negatively(value.detach()))
        for name, value in module._buffers.items():
            if value is not None and value.is_floating_point():
                module._buffers[name] = stored_negatively(value)
    return net


@pytest.mark.parametrize("name", [*LAYERS, *(case for case in CASES if case.endswith("subtract-delayed"))])
def test_the_graph_of_a_net_is_that_of_its_numbers(name: str):
    torch.manual_seed(0)
    net, shape = copy.deepcopy(LAYERS[name]) if name in LAYERS else (build_neuron(name), (FEATURES,))
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(torch.rand_like(value) / 2 + 0.25)
    sample = torch.zeros(1, *shape)
    expected = to_nir(net.eval(), sample)
    assert diff(to_nir(negatively(net), sample), expected) == []


def test_these_values_of_a_node_are_written_compared_and_printed(tmp_path: Path):
    values = torch.tensor([0.5, -1.5])
    graph = chain(nir.Scale(values.numpy()), shape=(2,))
    other = chain(nir.Scale(np.zeros(2)), shape=(2,))
    (name,) = (name for name, node in other.nodes.items() if isinstance(node, nir.Scale))
    other.nodes[name].scale = stored_negatively(values)  # type: ignore[assignment]
    assert diff(graph, other) == []
    assert to_text(other) == to_text(graph)
    write(other, tmp_path / "scale.nir")
    assert diff(read(tmp_path / "scale.nir"), graph) == []


def test_an_array_has_the_numbers_of_its_tensor():
    z = torch.tensor([1 - 2j, 3 + 4j], requires_grad=True)
    np.testing.assert_array_equal(array_of(z.conj().imag), np.array([2, -4], dtype=np.float32))
    np.testing.assert_array_equal(array_of(z.conj()), np.array([1 + 2j, 3 - 4j], dtype=np.complex64))
    assert array_of(z.conj().imag, torch.float64).dtype == np.float64


@pytest.mark.parametrize("order", ["<", ">"])
def test_arrays_of_either_order_of_bytes_are_imported(order: str):
    weight = np.array([[0.5, -1.5], [2.0, 0.25]])
    layer = nir.Affine(weight.astype(f"{order}f4"), np.array([1.0, -1.0], dtype=f"{order}f8"))
    net = from_nir(chain(layer, shape=(2,)))
    assert net(torch.tensor([[1.0, 2.0]])).tolist() == (weight @ [1.0, 2.0] + [1.0, -1.0])[None].tolist()
