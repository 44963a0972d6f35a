"""Graphs that we write, run by Norse, SpikingJelly and Sinabs; graphs that they write, run by us."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import snn_core as snn
from snn_nir import from_nir, read
from snn_nir.checking.predicting import predict
from snn_nir.exporting import to_nir
from snn_nir.files.writing import write

ZERO: dict[str, Any] = {"reset_mechanism": "zero", "init_hidden": True}
AT_ONCE: dict[str, Any] = {"reset_delay": False, "init_hidden": True}


def chain(first: nn.Module, second: nn.Module) -> nn.Module:
    net = nn.Sequential(nn.Linear(6, 8), first, nn.Linear(8, 4), second)
    nn.init.uniform_(net[2].weight, -0.3, 0.9)  # so that the second layer fires
    return net


def silent_at_rest(net: Any) -> nn.Module:
    """The network without recurrent bias, which nirtorch leaves out of the first step."""
    nn.init.zeros_(net[1].recurrent.bias)
    return net


def image_net() -> nn.Module:
    first, second = snn.Synaptic(0.5, 0.9, **ZERO), snn.Synaptic(0.5, 0.8, threshold=0.5, **ZERO)
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), first, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 4), second)


NETS = {
    "unit resistance": lambda: chain(
        snn.Lapicque(R=1.0, C=3e-4, time_step=1e-4, threshold=0.2, **ZERO),
        snn.Lapicque(R=1.0, C=5e-4, time_step=1e-4, threshold=0.1, **ZERO),
    ),
    "leaky": lambda: chain(snn.Leaky(0.9, threshold=0.7, **ZERO), snn.Leaky(0.8, threshold=0.5, **ZERO)),
    "synaptic": lambda: chain(snn.Synaptic(0.5, 0.9, **ZERO), snn.Synaptic(0.7, 0.6, threshold=0.7, **ZERO)),
    "without leak": lambda: chain(snn.Leaky(1.0, **ZERO), snn.Leaky(1.0, threshold=0.7, **ZERO)),
    "convolutional": image_net,
    "recurrent": lambda: chain(
        snn.RSynaptic(0.5, 0.9, linear_features=8, **ZERO), snn.Synaptic(0.7, 0.6, threshold=0.7, **ZERO)
    ),
    "recurrent, no bias": lambda: silent_at_rest(NETS["recurrent"]()),
    "subtract": lambda: chain(snn.Leaky(0.9, init_hidden=True), snn.Leaky(0.8, threshold=0.7, init_hidden=True)),
    "subtract, none leaks": lambda: chain(snn.Leaky(1.0, **AT_ONCE), snn.Leaky(1.0, **AT_ONCE)),
    "subtract at once": lambda: chain(snn.Leaky(0.98, **AT_ONCE), snn.Leaky(0.95, **AT_ONCE)),
}
SAME, OTHER = "same", "other"
WRONG = "an error or other spikes, from one run to the next"

FOUND = [
    ("unit resistance", "norse", SAME),
    ("unit resistance", "spikingjelly", SAME),
    ("leaky", "norse", OTHER),
    ("leaky", "spikingjelly", SAME),
    ("synaptic", "norse", SAME),
    ("synaptic", "spikingjelly", SAME),
    ("without leak", "norse", SAME),
    ("without leak", "spikingjelly", SAME),
    ("convolutional", "norse", WRONG),
    ("convolutional", "spikingjelly", SAME),
    ("recurrent", "norse", OTHER),
    ("recurrent", "spikingjelly", OTHER),
    ("recurrent, no bias", "norse", SAME),
    ("recurrent, no bias", "spikingjelly", SAME),
    ("subtract", "norse", "KeyError: '1_mem'"),
    ("subtract", "spikingjelly", "Unknown node type <class 'nir.ir.neuron.LI'>"),
]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize(("net", "framework", "result"), FOUND)
def test_our_graphs_are_read_by(net, framework, result, peer, tmp_path):
    model = NETS[net]()
    shape = (2, 6, 6) if net == "convolutional" else (6,)
    xs = 2 * torch.rand(100, 3, *shape)
    graph = to_nir(model, xs[0])
    write(graph, tmp_path / "ours.nir")
    out = peer(framework, "read", tmp_path / "ours.nir", xs.numpy())
    with torch.no_grad():
        ours = snn.unroll(model, xs).numpy()
    assert ours.any()
    if result == WRONG:
        assert not np.array_equal(out, ours)
    elif isinstance(out, str):
        assert result in out
    else:
        assert result == (SAME if np.array_equal(out, ours) else OTHER)
    assert predict(graph, framework).verdict in ("differs", "refuses") or result == SAME


@pytest.mark.filterwarnings("ignore:NIR408")
@pytest.mark.parametrize("net", ["subtract, none leaks", "subtract at once"])
def test_our_graphs_are_read_by_sinabs(net, peer, tmp_path):
    """Small positive input: Sinabs fires as often in a step as the membrane holds the threshold."""
    model: Any = NETS[net]()
    for layer, factor in ((model[0], 0.5), (model[2], 0.15)):
        with torch.no_grad():
            layer.weight.abs_().mul_(factor)
            layer.bias.zero_()
    xs = torch.rand(200, 3, 6)
    graph = to_nir(model, xs[0], dt=1, method="exact", reset="compact")
    write(graph, tmp_path / "ours.nir", compat="nir<=1.0.4")
    with torch.no_grad():
        ours = snn.unroll(model, xs).numpy()
    assert ours.any()
    np.testing.assert_array_equal(peer("sinabs", "read", tmp_path / "ours.nir", xs.numpy()), ours)
    twin = from_nir(read(tmp_path / "ours.nir", sidecar=tmp_path / "ours.nir.json"))
    np.testing.assert_array_equal(snn.unroll(twin, xs).detach().numpy(), ours)


@pytest.mark.parametrize(
    ("framework", "options", "largest"),
    [
        ("norse", {"dt": 1e-6}, 4.0),  # it multiplies its time constants by its step of 1e-3 once too often
        ("spikingjelly", {}, 4.0),
        ("sinabs", {"dt": 1.0, "reset": "subtract"}, 1.0),  # its file has no step, and does not say how it resets
    ],
)
def test_graphs_of_the_peers_are_read_here(framework, options, largest, peer, tmp_path):
    xs = largest * torch.rand(100, 3, 6)
    peer_output = peer(framework, "write", tmp_path / "theirs.nir", xs.numpy())
    net = from_nir(tmp_path / "theirs.nir", **options)
    with torch.no_grad():
        ours = snn.unroll(net, xs).numpy()
    assert peer_output.any()
    np.testing.assert_array_equal(ours, peer_output)
