"""Import of NIR graphs beside the peer's, and where the peer's cannot follow."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import nir
import numpy as np
import pytest
import snntorch.import_nir as peer_import
import torch
from torch import Tensor

import snn_nir
import snn_nir.import_nir as own_import

DT = 1e-4


def full(value: float, n: int) -> np.ndarray:
    return np.full(n, value, dtype=np.float32)


def lif(n: int, beta: float, threshold: float = 1.0) -> nir.LIF:
    tau = DT / (1 - beta)
    return nir.LIF(tau=full(tau, n), r=full(tau / DT, n), v_leak=full(0, n), v_threshold=full(threshold, n))


def cuba(n: int, alpha: float, beta: float) -> nir.CubaLIF:
    syn, mem = DT / (1 - alpha), DT / (1 - beta)
    fields = {"tau_syn": syn, "tau_mem": mem, "r": mem / DT, "v_leak": 0, "v_threshold": 1, "w_in": syn / DT}
    return nir.CubaLIF(**{name: full(value, n) for name, value in fields.items()})


def layers(seed: int = 0) -> tuple[nir.Affine, nir.Linear]:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(0.2, 0.6, shape).astype(np.float32) for shape in ((5, 4), (3, 5))]
    return nir.Affine(weights[0], rng.normal(0, 0.3, 5).astype(np.float32)), nir.Linear(weights[1])


def chain(*nodes: nir.NIRNode, n: int = 4) -> nir.NIRGraph:
    return nir.NIRGraph.from_list(nir.Input(np.array([n])), *nodes)


def spikes(net: Any, steps: int = 60, n: int = 4) -> Tensor:
    numbers = torch.rand(steps, 2, n, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return torch.stack([net((x < 0.5).float())[0] for x in numbers])


GRAPHS = {
    "Leaky": lambda a, b: chain(a, lif(5, 0.9), b, lif(3, 0.8, 0.7)),
    "Synaptic": lambda a, b: chain(a, cuba(5, 0.7, 0.9), b, cuba(3, 0.5, 0.55)),
    "a mixture": lambda a, b: chain(a, lif(5, 0.95, 0.5), b, cuba(3, 0.8, 0.6)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_network_that_the_peer_imports_fires_the_same(name: str) -> None:
    graph = GRAPHS[name](*layers())
    expected = spikes(peer_import.import_from_nir(copy.deepcopy(graph)))
    assert expected.any()
    assert torch.equal(spikes(own_import.import_from_nir(graph)), expected)


def test_a_call_returns_output_and_state_as_the_peers_does() -> None:
    graph = chain(layers()[0], lif(5, 0.9))
    for package in (own_import, peer_import):
        out = package.import_from_nir(copy.deepcopy(graph))(torch.ones(2, 4))
        assert isinstance(out, tuple)
        assert out[0].shape == (2, 5)
        assert len(out) == 2


def test_a_state_may_be_passed_as_the_second_argument_of_both() -> None:
    graph = chain(layers()[0], lif(5, 0.9))
    numbers = torch.rand(20, 2, 4)
    runs = []
    for package in (own_import, peer_import):
        net, state, outs = package.import_from_nir(copy.deepcopy(graph)), None, []
        for x in numbers:
            y, state = net(x, state)
            outs.append(y)
        runs.append(torch.stack(outs))
    assert torch.equal(*runs)


def test_the_first_argument_has_the_peers_name() -> None:
    first = [next(iter(inspect.signature(package.import_from_nir).parameters)) for package in (own_import, peer_import)]
    assert first == ["graph", "graph"]


def test_input_reaches_a_recurrent_neuron_where_the_peers_goes_through_the_recurrent_weight() -> None:
    nodes = {"input": nir.Input(np.array([3])), "r.lif": lif(3, 0.9), "output": nir.Output(np.array([3]))}
    nodes["r.w_rec"] = nir.Linear(np.zeros((3, 3), np.float32))
    edges = [("input", "r.lif"), ("r.lif", "r.w_rec"), ("r.w_rec", "r.lif"), ("r.lif", "output")]
    graph = nir.NIRGraph(nodes, edges)
    assert spikes(own_import.import_from_nir(graph), n=3).any()
    assert not spikes(peer_import.import_from_nir(copy.deepcopy(graph)), n=3).any()


def test_integrate_and_fire_does_not_leak_where_the_peers_does() -> None:
    node = nir.IF(r=full(1, 1), v_threshold=full(1, 1))
    drive = torch.full((1, 1), 0.11)
    ours = snn_nir.from_nir(chain(node, n=1), dt=1)
    assert [t for t in range(40) if ours(drive).item()] == [9, 19, 29, 39]  # the tenth 0.11 exceeds 1
    peer = peer_import.import_from_nir(chain(copy.deepcopy(node), n=1))
    with torch.no_grad():
        peers = [peer(drive)[0] for _ in range(40)]
    assert all(isinstance(out, tuple) for out in peers)  # spikes and membrane, which no next layer takes
