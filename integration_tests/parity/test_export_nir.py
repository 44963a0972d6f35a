"""Graphs of snnTorch: the same nodes, edges and fields from ours, and the same spikes where one reads the other's."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import snntorch as peer
import torch
from snntorch.export_nir import export_to_nir as peer_export
from snntorch.import_nir import import_from_nir as peer_import
from torch import nn

import snn_core as ours
from snn_nir import from_nir, to_nir
from snn_nir.export_nir import export_to_nir

FEATURES = 5
# the peer's decays and thresholds must be one per neuron; its extraction of the graph is deprecated in nirtorch
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.filterwarnings("ignore:NIR408")]

BETA = torch.linspace(0.5, 0.95, FEATURES)
COMMON: dict[str, Any] = {"threshold": torch.linspace(0.5, 1.5, FEATURES), "init_hidden": True}

NETS = {
    "leaky": lambda lib: nn.Sequential(
        nn.Flatten(), nn.Linear(12, FEATURES), lib.Leaky(BETA, **COMMON), nn.Linear(FEATURES, FEATURES, bias=False)
    ),
    "synaptic": lambda lib: nn.Sequential(nn.Flatten(), nn.Linear(12, FEATURES), lib.Synaptic(BETA, BETA, **COMMON)),
    "rleaky": lambda lib: nn.Sequential(
        nn.Flatten(), nn.Linear(12, FEATURES), lib.RLeaky(BETA, linear_features=FEATURES, **COMMON)
    ),
    "rsynaptic": lambda lib: nn.Sequential(
        nn.Flatten(),
        nn.Linear(12, FEATURES),
        lib.RSynaptic(BETA, BETA, V=torch.ones(FEATURES), all_to_all=False, **COMMON),
        nn.Linear(FEATURES, 2),
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_the_graph_is_that_of_snntorch(name):
    net = NETS[name](ours)
    twin = NETS[name](peer)
    twin.load_state_dict(net.state_dict(), strict=False)
    x = torch.zeros(1, 3, 4)
    graph, expected = export_to_nir(net, x, ignore_dims=[0]), peer_export(twin, x, ignore_dims=[0])
    assert set(graph.nodes) == set(expected.nodes)
    assert set(graph.edges) == set(expected.edges)
    for key, node in expected.nodes.items():
        own = graph.nodes[key]
        assert type(own) is type(node)
        for field, value in vars(node).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_allclose(getattr(own, field), value, rtol=1e-5)
        assert np.array_equal(own.output_type["output"], node.output_type["output"])


def test_the_arguments_are_those_of_snntorch():
    own, peer_parameters = inspect.signature(export_to_nir).parameters, inspect.signature(peer_export).parameters
    renamed = {"model_fwd_args": (), "ignore_dims": ()}  # the peer's defaults are mutable lists
    assert list(own) == list(peer_parameters)
    for name, parameter in peer_parameters.items():
        assert own[name].default == renamed.get(name, parameter.default)


def zero(lib: Any, kind: str) -> nn.Module:
    options: dict[str, Any] = {"reset_mechanism": "zero", "init_hidden": True}
    if kind == "leaky":
        first, second = lib.Leaky(0.9, threshold=0.5, **options), lib.Leaky(0.8, threshold=0.2, **options)
    else:
        first, second = lib.Synaptic(0.5, 0.9, **options), lib.Synaptic(0.8, 0.7, threshold=0.5, **options)
    return nn.Sequential(nn.Linear(6, 8), first, nn.Linear(8, 4), second)


@pytest.mark.parametrize("kind", ["leaky", "synaptic"])
def test_snntorch_reads_our_graph_with_every_spike(kind):
    net = zero(ours, kind)
    xs = 2 * torch.rand(100, 3, 6)
    read = peer_import(to_nir(net, xs[0]))
    state, outs = None, []
    with torch.no_grad():
        for x in xs:
            y, state = read(x, state)
            outs.append(y[0] if isinstance(y, tuple) else y)
        expected = ours.unroll(net, xs)
    assert expected.any()
    assert torch.stack(outs).equal(expected)


def test_the_graph_of_snntorch_is_read_with_the_reset_that_it_drops():
    options: dict[str, Any] = {"init_hidden": True}
    net = nn.Sequential(
        nn.Linear(6, FEATURES),
        peer.Leaky(BETA, threshold=torch.full((FEATURES,), 0.5), **options),
        nn.Linear(FEATURES, FEATURES),
        peer.Leaky(BETA, threshold=torch.full((FEATURES,), 0.2), **options),
    )
    xs = 2 * torch.rand(100, 3, 6)
    read = from_nir(peer_export(net, xs[0][:1], ignore_dims=[0]), reset="subtract")
    for neuron in (read["1"], read["3"]):
        neuron.reset_delay = True  # its subtraction comes one step after the spike
    for neuron in (net[1], net[3]):
        neuron.reset_mem()
    with torch.no_grad():
        expected = torch.stack([net(x) for x in xs])
        assert expected.any()
        assert ours.unroll(read, xs).equal(expected)
