"""Nets for which NeuroBench's repository has weights, written out from what its examples say of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

KEYWORDS, GESTURES = 35, 11


def gsc(snn: Any) -> nn.Module:
    """Return the net for spoken commands: four layers of leaky neurons, 20 channels."""
    options = {"beta": 0.9, "spike_grad": snn.surrogate.fast_sigmoid(), "init_hidden": True}
    widths = (20, 256, 256, 256, KEYWORDS)
    layers: list[nn.Module] = [nn.Flatten()]
    for into, out in pairwise(widths):
        layers += [nn.Linear(into, out), snn.Leaky(**options, output=out == KEYWORDS)]
    return nn.Sequential(*layers)


class DVSGesture(nn.Module):
    """The net for gestures: three convolutions, each pooled before its neurons, and a dense layer."""

    def __init__(self, snn: Any) -> None:
        super().__init__()
        constants = ((0.9999903, 3.5112912), (0.7291118, 3.494438), (0.936465, 1.5986854), (0.8348242, 0.3641469))
        grad = snn.surrogate.atan()
        neurons = [
            snn.Leaky(beta=beta, threshold=threshold, spike_grad=grad, init_hidden=True, output=number == 3)
            for number, (beta, threshold) in enumerate(constants)
        ]
        self.conv1, self.pool1, self.lif1 = nn.Conv2d(2, 16, 5, padding="same"), nn.MaxPool2d(2), neurons[0]
        self.conv2, self.pool2, self.lif2 = nn.Conv2d(16, 32, 5, padding="same"), nn.MaxPool2d(2), neurons[1]
        self.conv3, self.pool3, self.lif3 = nn.Conv2d(32, 64, 5, padding="same"), nn.MaxPool2d(2), neurons[2]
        self.linear1, self.dropout_4, self.lif4 = nn.Linear(64 * 4 * 4, GESTURES), nn.Dropout(0.5956), neurons[3]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spk = self.lif1(self.pool1(self.conv1(x)))
        spk = self.lif2(self.pool2(self.conv2(spk)))
        spk = self.lif3(self.pool3(self.conv3(spk)))
        return self.lif4(self.dropout_4(self.linear1(spk.flatten(1))))


class EEG(nn.Module):
    """The net for imagined movements: three layers, and a loop over time that passes the membranes on."""

    def __init__(self, snn: Any) -> None:
        super().__init__()
        options = {"beta": 0.9, "spike_grad": snn.surrogate.fast_sigmoid(slope=25)}
        self.fc1, self.lif1 = nn.Linear(62, 256), snn.Leaky(**options)
        self.fc2, self.lif2 = nn.Linear(256, 128), snn.Leaky(**options)
        self.fc3, self.lif3 = nn.Linear(128, 2), snn.Leaky(**options)

    def forward(self, xs: Tensor) -> Tensor:
        neurons = (self.lif1, self.lif2, self.lif3)
        mems, spikes = [neuron.init_leaky() for neuron in neurons], []
        for spk in xs.unbind(1):
            for number, (layer, neuron) in enumerate(zip((self.fc1, self.fc2, self.fc3), neurons, strict=True)):
                spk, mems[number] = neuron(layer(spk), mems[number])
            spikes.append(spk)
        return torch.stack(spikes)


# the net, the shape of a step of a sample, and whether it has the loop over time
PUBLISHED: dict[str, tuple[Callable[[Any], nn.Module], tuple[int, ...], bool]] = {
    "gsc": (gsc, (20,), False),
    "dvs gesture": (DVSGesture, (2, 32, 32), False),
    "eeg": (EEG, (62,), True),
}
