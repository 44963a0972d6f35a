"""A net and all monitors, made alike, for the tests of monitors."""

from __future__ import annotations

import torch
from torch import nn

import snn_core as snn
from snn_functional import probe

MONITORS = {
    "OutputMonitor": probe.OutputMonitor,
    "InputMonitor": probe.InputMonitor,
    "AttributeMonitor": lambda net, *args: probe.AttributeMonitor("mem", False, net, *args),
    "GradInputMonitor": probe.GradInputMonitor,
    "GradOutputMonitor": probe.GradOutputMonitor,
}


def make_net(**options):
    torch.manual_seed(0)
    options = {"beta": 0.8, "init_hidden": True, **options}
    return nn.Sequential(nn.Linear(5, 7), snn.Leaky(**options), nn.Linear(7, 3), snn.Leaky(**options))


def stacked(monitor, name):
    return torch.stack(monitor[name])
