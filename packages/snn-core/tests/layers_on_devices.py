"""Nets to run on a device, one for each kind of layer beside neurons."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

import snn_core as snn
from snn_core import surrogate

LIF = partial(snn.Leaky, beta=0.9, threshold=0.25, init_hidden=True)

# Nets of an input [T, batch, 5].
NETS: dict[str, Callable[[], nn.Sequential]] = {
    "Linear": lambda: nn.Sequential(nn.Linear(5, 4), LIF(), nn.Linear(4, 3), LIF(output=True)),
    "Dropout": lambda: nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 4), LIF(), nn.Dropout(0.5)),
    "BatchNorm1d": lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), LIF()),
    "BatchNormTT1d": lambda: nn.Sequential(nn.Linear(5, 4), snn.BatchNormTT1d(4, 9), LIF()),
    "BatchNormTT2d": lambda: nn.Sequential(nn.Unflatten(1, (1, 1, 5)), snn.BatchNormTT2d(1, 9), LIF()),
    "Conv2d and max pool": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 5, 1)), nn.Conv2d(1, 2, 3, padding=1), LIF(), nn.MaxPool2d((2, 1)), nn.Flatten()
    ),
    "AxonalDelay": lambda: nn.Sequential(snn.AxonalDelay(3, torch.linspace(0, 3, 5), 5, learn_delay=True), LIF()),
    "AxonalDelay gaussian": lambda: nn.Sequential(snn.AxonalDelay(3, 1.5, kernel="gaussian", learn_delay=True), LIF()),
    "DelayedLinear": lambda: nn.Sequential(snn.DelayedLinear(5, 4, 3), LIF()),
    "DelayedConv2d": lambda: nn.Sequential(nn.Unflatten(1, (1, 5, 1)), snn.DelayedConv2d(1, 2, (3, 1), 3), LIF()),
    "GradedSpikes": lambda: nn.Sequential(LIF(), snn.GradedSpikes(5)),
    "bounded": lambda: nn.Sequential(snn.bounded(LIF(), "beta")),
    "Sequential in Sequential": lambda: nn.Sequential(nn.Sequential(nn.Linear(5, 4), LIF()), nn.Linear(4, 3)),
}
SURROGATES = {
    name: kind(lambda x, grad, spk: grad * spk) if kind is surrogate.custom_surrogate else kind()
    for name, kind in vars(surrogate).items()
    if name in surrogate.__all__ and kind is not surrogate.Surrogate
}
