"""Nets of other shapes: residual, with attention, over time by convolution, normalized step by step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .both import learn, louder, same, some_fire

STEPS, BATCH = 5, 3


class Residual(nn.Module):
    def __init__(self, snn: Any) -> None:
        super().__init__()
        grad = snn.surrogate.atan()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn2 = snn.BatchNormTT2d(4, STEPS)
        self.lif1, self.lif2 = snn.Leaky(0.7, spike_grad=grad), snn.Leaky(0.7, spike_grad=grad)
        self.fc = nn.Linear(4, 2)
        self.lif3 = snn.Leaky(0.9, reset_mechanism="none")

    def forward(self, xs: Tensor) -> tuple[Tensor, Tensor]:
        mem1, mem2, mem3 = self.lif1.reset_mem(), self.lif2.reset_mem(), self.lif3.reset_mem()
        spikes = []
        for step, x in enumerate(xs):
            spk1, mem1 = self.lif1(self.bn1(self.conv1(x)), mem1)
            spk2, mem2 = self.lif2(self.bn2[step](self.conv2(spk1)) + spk1, mem2)
            _, mem3 = self.lif3(self.fc(spk2.mean((2, 3))), mem3)
            spikes.append(spk2)
        return torch.stack(spikes), mem3


def test_a_residual_net_with_norms_of_each_step() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net, xs, labels = Residual(snn), 2 * torch.rand(STEPS, BATCH, 2, 6, 6), torch.tensor([0, 1, 1])
        spk, mem = net(xs)
        numbers = {"spk": some_fire(spk), "mem": mem}
        return numbers | learn(net, lambda: nn.functional.cross_entropy(net(xs)[1], labels), lr=1e-3)

    same(program)


class Attention(nn.Module):
    """Queries, keys and values of spikes over tokens, ``[batch, tokens, features]`` in each step."""

    def __init__(self, snn: Any) -> None:
        super().__init__()
        options = {"beta": 0.8, "threshold": 0.4, "init_hidden": True}
        self.reset = snn.utils.reset
        self.queries, self.keys, self.values = (nn.Linear(6, 6) for _ in range(3))
        self.lif_q, self.lif_k, self.lif_v = (snn.Leaky(**options) for _ in range(3))
        self.lif_out = snn.Leaky(**options, output=True)

    def forward(self, xs: Tensor) -> tuple[Tensor, Tensor]:
        self.reset(self)
        spikes = []
        for x in xs:
            q, k, v = self.lif_q(self.queries(x)), self.lif_k(self.keys(x)), self.lif_v(self.values(x))
            spk, mem = self.lif_out(q @ k.transpose(1, 2) @ v * 0.25)
            spikes.append(spk)
        return torch.stack(spikes), mem


def test_attention_between_spikes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net, xs = louder(Attention(snn), 2), torch.rand(STEPS, BATCH, 4, 6)
        spk, mem = net(xs)
        return {"spk": some_fire(spk), "mem": mem, **learn(net, lambda: net(xs)[1].pow(2).mean())}

    same(program)


def test_convolutions_over_time_before_the_loop() -> None:
    def program(snn: Any) -> dict[str, Any]:
        conv, neuron = nn.Conv1d(3, 5, 3, padding=1), snn.Alpha(alpha=0.9, beta=0.8, threshold=0.1)
        net = nn.ModuleList([louder(conv), neuron])
        xs = torch.rand(BATCH, 3, STEPS)

        def membranes() -> tuple[Tensor, Tensor]:
            currents = conv(xs).permute(2, 0, 1)
            states, spikes = neuron.init_alpha(), []
            for x in currents:
                spk, *states = neuron(x, *states)
                spikes.append(spk)
            return torch.stack(spikes), states[-1]

        spk, mem = membranes()
        return {"spk": some_fire(spk), "mem": mem, **learn(net, lambda: membranes()[1].pow(2).mean())}

    same(program)


def test_two_branches_meet() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = nn.ModuleDict(
            {
                "slow": nn.Sequential(nn.Linear(4, 5), snn.Leaky(0.95, init_hidden=True)),
                "fast": nn.Sequential(nn.Linear(4, 5), snn.Leaky(0.3, init_hidden=True)),
                "out": nn.Sequential(nn.Linear(10, 2), snn.Leaky(0.9, init_hidden=True, output=True)),
            }
        )
        louder(net)
        xs = torch.rand(STEPS, BATCH, 4)

        def outputs() -> tuple[Tensor, Tensor]:
            for branch in net.values():
                snn.utils.reset(branch)
            pairs = [net["out"](torch.cat((net["slow"](x), net["fast"](x)), dim=1)) for x in xs]
            return torch.stack([spk for spk, _ in pairs]), torch.stack([mem for _, mem in pairs])

        spk, mem = outputs()
        return {"spk": spk, "mem": mem, **learn(net, lambda: outputs()[1].pow(2).mean())}

    same(program)
