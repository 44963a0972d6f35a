"""Layers that learn by themselves, each with an optimizer: by the goodness of data, or by a readout of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .both import louder, same, some_fire

STEPS, BATCH = 6, 5


class Layer(nn.Module):
    """A layer that learns to be active for positive data, and silent for negative."""

    def __init__(self, snn: Any, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)
        self.lif = snn.Leaky(beta=0.8, spike_grad=snn.surrogate.atan(), learn_beta=True)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=5e-3)

    def forward(self, spikes: Tensor) -> Tensor:
        mem, record = self.lif.init_leaky(), []
        for spk in spikes:
            spk, mem = self.lif(self.fc(spk / (spk.norm(2, 1, keepdim=True) + 1e-4)), mem)
            record.append(spk)
        return torch.stack(record)

    def goodness(self, spikes: Tensor) -> Tensor:
        return self(spikes).mean(0).pow(2).mean(1)

    def update(self, positive: Tensor, negative: Tensor, threshold: float = 0.3) -> float:
        good, bad = self.goodness(positive), self.goodness(negative)
        loss = F.softplus(torch.cat((threshold - good, bad - threshold))).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def test_layers_learn_forward_one_after_the_other() -> None:
    def program(snn: Any) -> dict[str, Any]:
        layers = [louder(Layer(snn, 10, 9), 5), louder(Layer(snn, 9, 7), 5)]
        losses = []
        for _ in range(2):
            positive = snn.spikegen.rate(torch.rand(BATCH, 10), num_steps=STEPS)
            negative = positive[:, torch.randperm(BATCH)]
            for layer in layers:
                losses += [layer.update(positive, negative) for _ in range(2)]
                positive, negative = layer(positive).detach(), layer(negative).detach()
        weights = {f"{name} {index}": p for index, weight in enumerate(layers) for name, p in weight.named_parameters()}
        return {"spk": some_fire(positive), "losses": losses, **weights}

    same(program)


def test_a_readout_at_each_layer_and_no_gradient_between_them() -> None:
    def program(snn: Any) -> dict[str, Any]:
        layers = nn.ModuleList([louder(nn.Linear(8, 8)) for _ in range(2)])
        neurons = nn.ModuleList([snn.Leaky(beta=0.9) for _ in range(2)])
        readouts = nn.ModuleList([nn.Linear(8, 3) for _ in range(2)])
        optimizers = [
            torch.optim.SGD([*layer.parameters(), *readout.parameters()], lr=0.1)
            for layer, readout in zip(layers, readouts, strict=True)
        ]
        labels, x = torch.arange(BATCH) % 3, torch.rand(BATCH, 8)
        losses, states = [], [neuron.init_leaky() for neuron in neurons]
        for _ in range(STEPS):  # learns in every step, so that no graph is longer than that
            spk = x
            for index, (layer, neuron) in enumerate(zip(layers, neurons, strict=True)):
                spk, mem = neuron(layer(spk.detach()), states[index])
                loss = F.cross_entropy(readouts[index](spk), labels)
                optimizers[index].zero_grad()
                loss.backward()
                optimizers[index].step()
                states[index] = mem.detach()
                losses.append(loss.item())
        return {"losses": losses, "mem": states, "weights": [layer.weight for layer in layers]}

    same(program)
