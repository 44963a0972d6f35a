"""Monitors beside the peer's: what they record of a net with the same weights, and the names they are used by."""

from __future__ import annotations

import inspect

import pytest
import snntorch
import torch
from snntorch.functional import probe as peer_probe
from torch import nn

import snn_core
import snn_functional
from snn_functional import probe as ours

NAMES = ["OutputMonitor", "InputMonitor", "AttributeMonitor", "GradInputMonitor", "GradOutputMonitor"]
ATTRIBUTES = ["hooks", "monitored_layers", "records", "name_records_index"]


def nets(package_of_neurons, **options):
    neurons = [package_of_neurons.Leaky(0.8, **options) for _ in range(2)]
    return nn.Sequential(nn.Linear(5, 7), neurons[0], nn.Linear(7, 3), neurons[1])


def pair(**options):
    net, peers = nets(snn_core, **options), nets(snntorch, **options)
    net.load_state_dict(peers.state_dict())
    return (net, ours, snn_core.Leaky), (peers, peer_probe, snntorch.Leaky)


def make(probe, name, net, kind):
    arguments = ("mem", False) if name == "AttributeMonitor" else ()
    return getattr(probe, name)(*arguments, net, instance=kind)


def recorded(net, probe, kind, name, xs):
    monitor = make(probe, name, net, kind)
    out = torch.stack([net(x) for x in xs])
    (out * torch.linspace(0, 1, out.numel()).reshape(out.shape)).sum().backward()
    return monitor


@pytest.mark.parametrize("name", [*NAMES, "BaseMonitor"])
def test_a_monitor_has_the_peers_names_and_arguments(name):
    monitor, peers = getattr(ours, name), getattr(peer_probe, name)
    left, right = (inspect.signature(cls).parameters for cls in (monitor, peers))
    assert list(left) == list(right)
    required = [p.name for p in right.values() if p.default is p.empty]
    assert [p.name for p in left.values() if p.default is p.empty] == required
    methods = {n for n in dir(peers) if not n.startswith("_")} - {"create_hook"}
    assert methods <= set(dir(monitor))
    if name != "BaseMonitor":
        assert getattr(snn_functional, name) is monitor


@pytest.mark.parametrize("name", NAMES)
def test_records_are_the_peers(name):
    xs = 3 * torch.rand(6, 2, 5)
    records, peers = (recorded(*package, name, xs) for package in pair(init_hidden=True))
    assert all(hasattr(records, attribute) for attribute in ATTRIBUTES)
    assert records.monitored_layers == peers.monitored_layers == ["1", "3"]
    for layer in ("1", "3"):
        assert len(records[layer]) == 6
        torch.testing.assert_close(records[layer], peers[layer], rtol=1e-6, atol=1e-6)
    assert len(records.records) == len(peers.records)


@pytest.mark.parametrize("name", ["OutputMonitor", "InputMonitor", "AttributeMonitor"])
def test_all_records_are_in_the_peers_order(name):
    xs = 3 * torch.rand(6, 2, 5)
    records, peers = (recorded(*package, name, xs) for package in pair(init_hidden=True))
    assert records.name_records_index == peers.name_records_index
    torch.testing.assert_close(records.records, peers.records, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(records[5], peers[5], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["OutputMonitor", "InputMonitor", "AttributeMonitor"])
def test_gradients_by_the_records_are_the_peers(name):
    xs, weights, result = 3 * torch.rand(6, 2, 5), torch.rand(6, 2, 3), []
    for net, probe, kind in pair(init_hidden=True):
        monitor = make(probe, name, net, kind)
        loss = (torch.stack([net(x) for x in xs]) * weights).sum()
        result.append(torch.autograd.grad(loss, monitor.records))
    assert len(result[0]) == 12
    assert any(gradient.any() for gradient in result[0])
    torch.testing.assert_close(*result, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_records_of_a_neuron_that_is_passed_its_state_are_the_peers(name):
    xs, result = 3 * torch.rand(6, 2, 5), []
    for probe, package in ((ours, snn_core), (peer_probe, snntorch)):
        lif = package.Leaky(0.8)
        monitor, mem, total = make(probe, name, lif, package.Leaky), torch.zeros(2, 5, requires_grad=True), 0
        for x in xs:
            spk, mem = lif(x.clone().requires_grad_(), mem)
            total = total + (spk * x).sum()
        (total + mem.sum()).backward()
        result.append(monitor[""])
    assert len(result[0]) == 6
    torch.testing.assert_close(*result, rtol=1e-6, atol=1e-6)


def test_calls_on_which_the_peer_raises_work():
    (net, *_), (peers, *_) = pair(init_hidden=True)
    with pytest.raises(TypeError):
        peer_probe.GradInputMonitor(peers)  # no class given, as documented
    assert ours.GradInputMonitor(net).monitored_layers == [""]
    early = peer_probe.AttributeMonitor("mem", True, peers, snntorch.Leaky)
    with pytest.raises(TypeError):
        peers(torch.rand(2, 5))  # its hook before a call has the arguments of one after it
    early.remove_hooks()
    monitor = ours.AttributeMonitor("mem", True, net, snn_core.Leaky)
    net(torch.rand(2, 5))
    assert monitor["1"][0].shape == (0,)
