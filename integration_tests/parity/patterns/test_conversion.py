"""Nets of ReLU turned into spikes, and the targets of reinforcement learning that follow a net slowly."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from .both import louder, same, some_fire, weights

BATCH = 6


def test_a_net_of_relu_becomes_one_of_integrators() -> None:
    """Thresholds are the largest activations of the data; a neuron without a leak fires at the rate of its ReLU."""

    def program(snn: Any) -> dict[str, Any]:
        ann = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3), nn.ReLU())
        x, largest = torch.rand(BATCH, 5), []
        hooks = [
            layer.register_forward_hook(lambda module, args, out: largest.append(out.max()))
            for layer in ann
            if isinstance(layer, nn.ReLU)
        ]
        activations = ann(x).detach()
        for hook in hooks:
            hook.remove()
        options = {"beta": 1.0, "init_hidden": True, "reset_mechanism": "subtract"}
        net = nn.Sequential(
            copy.deepcopy(ann[0]),
            snn.Leaky(**options, threshold=largest[0].detach(), graded_spikes_factor=largest[0].detach()),
            copy.deepcopy(ann[2]),
            snn.Leaky(**options, threshold=largest[1].detach(), graded_spikes_factor=largest[1].detach()),
        )
        snn.utils.reset(net)
        with torch.no_grad():
            spikes = torch.stack([net(x) for _ in range(60)])
        assert float((spikes.mean(0) - activations).abs().max()) < 0.1
        return {"spikes": some_fire(spikes), "rates": spikes.mean(0)}

    same(program)


class Agent(nn.Module):
    """Values of actions are the membranes after a few steps."""

    def __init__(self, snn: Any) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 9), nn.Linear(9, 2)
        self.lif1, self.lif2 = snn.Leaky(0.9), snn.Leaky(0.9, reset_mechanism="none")

    def forward(self, x: Tensor) -> Tensor:
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        for _ in range(5):
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            _, mem2 = self.lif2(self.fc2(spk1), mem2)
        return mem2


def test_a_target_net_follows_the_net_that_learns() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net, target = louder(Agent(snn)), Agent(snn)
        target.load_state_dict(net.state_dict())
        optimizer, losses = torch.optim.AdamW(net.parameters(), lr=1e-3, amsgrad=True), []
        for _ in range(3):
            states, actions, rewards = torch.rand(BATCH, 4), torch.randint(2, (BATCH, 1)), torch.rand(BATCH)
            values = net(states).gather(1, actions).squeeze(1)
            with torch.no_grad():
                goals = rewards + 0.9 * target(torch.rand(BATCH, 4)).max(1).values
            loss = nn.functional.smooth_l1_loss(values, goals)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(net.parameters(), 100)
            optimizer.step()
            ours, expected = net.state_dict(), target.state_dict()
            for key in ours:
                expected[key] = 0.1 * ours[key] + 0.9 * expected[key]
            target.load_state_dict(expected)
            losses.append(loss.item())
        followed = {f"{name} of the target": p for name, p in weights(target)}
        return {"losses": losses, **dict(weights(net)), **followed}

    same(program)
