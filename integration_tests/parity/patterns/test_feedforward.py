"""Dense nets with the loop over time in their forward, trained by the cross entropy of every step's membrane."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .both import learn, louder, same, some_fire

STEPS, BATCH, INPUTS, HIDDEN, OUTPUTS = 8, 6, 12, 11, 5


class Net(nn.Module):
    def __init__(self, snn: Any, **options: Any) -> None:
        super().__init__()
        self.fc1 = nn.Linear(INPUTS, HIDDEN)
        self.lif1 = snn.Leaky(beta=0.95, **options)
        self.fc2 = nn.Linear(HIDDEN, OUTPUTS)
        self.lif2 = snn.Leaky(beta=0.95, **options)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mem1 = self.lif1.init_leaky()
        mem2 = self.lif2.init_leaky()
        spk2_rec, mem2_rec = [], []
        for _ in range(STEPS):
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spk2_rec.append(spk2)
            mem2_rec.append(mem2)
        return torch.stack(spk2_rec, dim=0), torch.stack(mem2_rec, dim=0)


class Currents(nn.Module):
    """The same with synaptic currents, learnable decays and a surrogate of choice."""

    def __init__(self, snn: Any) -> None:
        super().__init__()
        grad = snn.surrogate.fast_sigmoid(slope=10)
        self.fc1 = nn.Linear(INPUTS, HIDDEN)
        self.lif1 = snn.Synaptic(alpha=0.8, beta=0.9, spike_grad=grad, learn_alpha=True, learn_beta=True)
        self.fc2 = nn.Linear(HIDDEN, OUTPUTS)
        self.lif2 = snn.Alpha(alpha=0.9, beta=0.8, spike_grad=grad, threshold=0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        syn1, mem1 = self.lif1.reset_mem()
        exc2, inh2, mem2 = self.lif2.reset_mem()
        spikes, membranes = [], []
        for _ in range(STEPS):
            spk1, syn1, mem1 = self.lif1(self.fc1(x), syn1, mem1)
            spk2, exc2, inh2, mem2 = self.lif2(self.fc2(spk1), exc2, inh2, mem2)
            spikes.append(spk2)
            membranes.append(mem2)
        return torch.stack(spikes), torch.stack(membranes)


def batch() -> tuple[Tensor, Tensor]:
    return torch.rand(BATCH, INPUTS), torch.arange(BATCH) % OUTPUTS


def per_step_loss(mem_rec: Tensor, labels: Tensor) -> Tensor:
    loss = torch.zeros(1)
    criterion = nn.CrossEntropyLoss()
    for step in range(len(mem_rec)):
        loss += criterion(mem_rec[step], labels)
    return loss


@pytest.mark.parametrize("options", [{}, {"learn_beta": True, "learn_threshold": True, "reset_mechanism": "zero"}])
def test_a_net_learns_from_the_membrane_of_each_step(options: dict[str, Any]) -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = louder(Net(snn, **options))
        x, labels = batch()
        spk, mem = net(x)
        numbers = {"spk": some_fire(spk), "mem": mem}
        numbers |= learn(net, lambda: per_step_loss(net(x)[1], labels))
        spk, _ = net(x)
        _, predicted = spk.sum(dim=0).max(1)
        return numbers | {"accuracy": (labels == predicted).float().mean(), "predicted": predicted}

    same(program)


@pytest.mark.parametrize("loss", ["ce_rate_loss", "ce_count_loss", "mse_count_loss"])
def test_a_net_with_currents_learns_from_its_spikes(loss: str) -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = louder(Currents(snn), 5)
        x, labels = batch()
        criterion = getattr(snn.functional, loss)()
        spk, mem = net(x)
        return {"spk": some_fire(spk), "mem": mem, **learn(net, lambda: criterion(net(x)[0], labels).sum())}

    same(program)


def test_many_nets_side_by_side_vote() -> None:
    """An ensemble in a ``ModuleList``."""

    def program(snn: Any) -> dict[str, Any]:
        nets = nn.ModuleList([louder(Net(snn)) for _ in range(3)])
        x, labels = batch()
        votes = torch.stack([net(x)[0].sum(0) for net in nets])
        numbers = {"votes": votes.mean(0), "predicted": votes.sum(0).argmax(1)}
        return numbers | learn(nets, lambda: per_step_loss(sum(net(x)[1] for net in nets) / 3, labels))

    same(program)


def test_spikes_that_are_driven_by_spikes_of_an_encoder() -> None:
    def program(snn: Any) -> dict[str, Any]:
        layer, neuron = louder(nn.Linear(INPUTS, HIDDEN)), snn.Leaky(beta=0.9)
        spikes = snn.spikegen.rate(torch.rand(BATCH, INPUTS), num_steps=STEPS)
        mem, record = neuron.reset_mem(), []
        for step in range(spikes.size(0)):
            spk, mem = neuron(layer(spikes[step].view(BATCH, -1)), mem)
            record.append(spk)
        return {"spk in": spikes, "spk": some_fire(torch.stack(record)), "mem": mem}

    same(program)
