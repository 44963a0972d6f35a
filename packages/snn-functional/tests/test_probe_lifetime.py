"""Monitors: from when to when they record, which net, and what they refuse to watch."""

import copy
import gc
import io
import pickle

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import probe

from .monitored import MONITORS, make_net


@pytest.mark.parametrize("kind", MONITORS)
def test_a_monitor_records_while_it_is_enabled(kind):
    net, x = make_net(), torch.rand(2, 5)
    monitor = MONITORS[kind](net, snn.Leaky)

    def number():
        snn.utils.reset(net)
        net(x).sum().backward()
        return len(monitor.records)

    assert monitor.is_enable()
    assert number() == 2
    monitor.disable()
    assert not monitor.is_enable()
    assert number() == 2
    monitor.enable()
    assert number() == 4
    monitor.clear_recorded_data()
    assert monitor.records == monitor["1"] == []
    assert number() == 2
    snn.utils.reset(net)
    loss = net(x).sum()
    count = len(monitor.records)
    monitor.remove_hooks()
    monitor.remove_hooks()
    loss.backward()
    assert number() == count


def test_a_monitor_ends_with_its_last_reference():
    net, x = make_net(), torch.rand(2, 5)
    monitors = [make(net, snn.Leaky) for make in MONITORS.values()]
    loss = net(x).sum()
    del monitors
    gc.collect()
    loss.backward()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_a_copy_of_a_net_is_not_recorded():
    net, x = make_net(), torch.rand(2, 5)
    monitor = probe.OutputMonitor(net, snn.Leaky)
    net(x)
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net)), torch.load(file, weights_only=False)]
    expected = net(x)
    assert all(torch.equal(twin(x), expected) for twin in copies)
    assert len(monitor["3"]) == 2


@pytest.mark.parametrize("kind", MONITORS)
def test_a_monitor_is_not_copied(kind):
    monitor = MONITORS[kind](make_net(), snn.Leaky)
    for duplicate in (copy.deepcopy, copy.copy, pickle.dumps):
        with pytest.raises(TypeError, match="belongs to the net that it watches"):
            duplicate(monitor)


def test_without_a_class_layers_of_the_nets_own_class_are_watched():
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)))
    for make in MONITORS.values():
        assert make(net).monitored_layers == ["", "1"]
    assert probe.OutputMonitor(net, (nn.Linear, nn.ReLU)).monitored_layers == ["0", "1.0"]


def test_attributes_and_records_that_do_not_exist_are_named():
    net, x = make_net(), torch.rand(2, 5)
    with pytest.raises(TypeError, match=r"attribute_name must be a str, .*, got 3"):
        probe.AttributeMonitor(3, False, net)
    with pytest.raises(TypeError, match=r"pre_forward must be True .*, got 'after'"):
        probe.AttributeMonitor("mem", "after", net)
    monitor = probe.OutputMonitor(net, snn.Leaky)
    with pytest.raises(KeyError, match=r"'lif' is not monitored\. Fix: use one of '1', '3'"):
        monitor["lif"]
    with pytest.raises(TypeError, match=r"number of a record or the name of a layer, got 1\.5"):
        monitor[1.5]
    with pytest.raises(IndexError):
        monitor[0]
    syn = probe.AttributeMonitor("syn", False, net, snn.Leaky)
    with pytest.raises(AttributeError, match=r"'syn', which the layer '1' \(Leaky\) does not have; its states are mem"):
        net(x)
    assert syn.records == []
