"""snnTorch's ``export_to_nir``: its arguments, its nodes, and a warning where it loses a reset."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from torch import nn

import snn_core as snn
from snn_nir import NIRError, NIRWarning
from snn_nir.checking.fidelity import fidelity
from snn_nir.export_nir import export_to_nir
from snn_nir.importing.conversion import from_nir


def test_a_scalar_beta_is_repeated_for_the_layer():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), snn.Leaky(0.9, init_hidden=True, reset_mechanism="zero"))
    graph = export_to_nir(net, torch.zeros(1, 3, 4))
    assert graph.nodes["2"].tau.shape == (5,)
    assert {name: type(node).__name__ for name, node in graph.nodes.items()} == {
        "input": "Input",
        "0": "Flatten",
        "1": "Affine",
        "2": "LIF",
        "output": "Output",
    }
    assert graph.nodes["input"].input_type["input"].tolist() == [3, 4]


def test_a_reset_by_subtraction_survives_our_import_and_is_announced():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), snn.Leaky(0.9, init_hidden=True))
    with pytest.warns(NIRWarning, match=r"NIR408: '1' \(Leaky\)") as record:
        graph = export_to_nir(net, torch.zeros(1, 3), ignore_dims=[0])
    assert record[0].filename == __file__
    assert isinstance(graph.nodes["1"], nir.LIF)
    assert from_nir(graph)["1"].reset_mechanism == "subtract"
    assert fidelity(net, graph).identical


def test_recurrence_one_to_one_is_the_matrix_of_a_linear():
    V = torch.tensor([0.5, -1.0])
    net = nn.Sequential(snn.RSynaptic(0.5, 0.9, V=V, all_to_all=False, init_hidden=True, reset_mechanism="zero"))
    graph = export_to_nir(net, torch.zeros(1, 2))
    np.testing.assert_array_equal(graph.nodes["0.w_rec"].weight, np.diag([0.5, -1.0]))
    assert set(graph.edges) == {("input", "0.lif"), ("0.lif", "0.w_rec"), ("0.w_rec", "0.lif"), ("0.lif", "output")}
    assert isinstance(from_nir(graph)["0"], snn.RSynaptic)


def test_arguments_of_forward_and_the_name_are_passed_on():
    class Flagged(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 2)
            self.other = nn.Linear(3, 2)

        def forward(self, x, use_other, factor):
            return (self.other if use_other else self.fc)(x) * factor

    graph = export_to_nir(Flagged(), torch.zeros(1, 3), "braille", [True, 2.0])
    assert "other" in graph.nodes
    assert "fc" not in graph.nodes
    assert graph.metadata["name"] == "braille"


def test_an_axis_other_than_the_batch_cannot_be_ignored():
    with pytest.raises(NIRError, match=r"NIR409: export_to_nir: .*ignore_dims is \[0, 1\], but the sample is one step"):
        export_to_nir(nn.Linear(3, 2), torch.zeros(5, 1, 3), ignore_dims=[0, 1])
