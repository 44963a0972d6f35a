"""Binarized weights: signs in the forward pass, a straight-through gradient, a scale and a norm folded into it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .both import learn, same, some_fire

STEPS, BATCH = 7, 6


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return torch.where(weight >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (weight,) = ctx.saved_tensors
        return grad * (weight.abs() <= 1)


class BinaryLinear(nn.Linear):
    """Weights of -1 and 1, times their mean magnitude of each row."""

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight.abs().mean(1, keepdim=True).detach()
        return F.linear(x, Sign.apply(self.weight) * scale, self.bias)


class Net(nn.Module):
    def __init__(self, snn: Any) -> None:
        super().__init__()
        self.fc1 = BinaryLinear(10, 12, bias=False)
        self.bn1 = nn.BatchNorm1d(12)
        self.lif1 = snn.Leaky(0.9, threshold=0.5, learn_threshold=True, spike_grad=snn.surrogate.atan(alpha=2.0))
        self.fc2 = BinaryLinear(12, 3)
        self.lif2 = snn.Leaky(0.9, threshold=0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spikes, membranes = [], []
        for _ in range(STEPS):
            spk1, mem1 = self.lif1(self.bn1(self.fc1(x)), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
            membranes.append(mem2)
        return torch.stack(spikes), torch.stack(membranes)


def test_binary_weights_learn_behind_a_norm() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net, x, labels = Net(snn), torch.rand(BATCH, 10), torch.arange(BATCH) % 3
        criterion = snn.functional.ce_rate_loss()
        spk, mem = net(x)
        numbers = {"spk": some_fire(spk), "mem": mem}
        numbers |= learn(net, lambda: criterion(net(x)[0], labels).sum())
        with torch.no_grad():  # weights stay where their gradient passes
            for layer in (net.fc1, net.fc2):
                layer.weight.clamp_(-1, 1)
        return numbers | {"signs": Sign.apply(net.fc1.weight)}

    same(program)


def test_a_norm_is_folded_into_weights_and_threshold() -> None:
    """A scale of the norm moves into the threshold of its neuron, its shift into the bias."""

    def program(snn: Any) -> dict[str, Any]:
        layer, norm = nn.Linear(5, 4), nn.BatchNorm1d(4)
        norm(3 * torch.randn(50, 4) + 1)
        norm.eval()
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        folded = nn.Linear(5, 4)
        with torch.no_grad():
            folded.weight.copy_(layer.weight)
            folded.bias.copy_(layer.bias - norm.running_mean + norm.bias / scale)
        xs = 8 * torch.rand(STEPS, BATCH, 5)
        plain = snn.Leaky(beta=0.5, threshold=0.4, init_hidden=True)
        moved = snn.Leaky(beta=0.5, threshold=0.4 / scale.detach(), init_hidden=True)
        with torch.no_grad():
            left = torch.stack([plain(norm(layer(x))) for x in xs])
            right = torch.stack([moved(folded(x)) for x in xs])
        return {"spk": some_fire(left), "spk folded": right}

    same(program)
