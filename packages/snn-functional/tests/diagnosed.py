"""Nets that are well, for tests that break one thing of them at a time."""

from __future__ import annotations

import torch
from torch import nn

import snn_core as snn

STEPS, SAMPLES = 11, 5


def well(hidden=None, output=None, **options):
    """A net of two layers of neurons of which no check finds anything."""
    torch.manual_seed(0)
    options = {"beta": 0.8, "init_hidden": True, **options}
    net = nn.Sequential(
        nn.Linear(4, 9), hidden or snn.Leaky(**options), nn.Linear(9, 3), output or snn.Leaky(**options)
    )
    with torch.no_grad():
        for layer in (net[0], net[2]):
            layer.weight.copy_(torch.rand_like(layer.weight) - 0.2)
            layer.bias.zero_()
    return net


def batch(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(STEPS, SAMPLES, *(shape or (4,)), generator=generator)


LABELS = torch.tensor([0, 2, 1, 1, 0])


def codes(diagnosis):
    return [(finding.code, finding.module) for finding in diagnosis.findings]
