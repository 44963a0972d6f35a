"""Weights that go from one library to the other and back, and trainings that go on from a file."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .both import equal, louder, peer, snn, weights

STEPS, BATCH = 6, 4


def net_of(snn: Any) -> nn.Module:
    return louder(
        nn.Sequential(
            nn.Linear(5, 7),
            snn.Leaky(beta=torch.rand(7), learn_beta=True, learn_threshold=True, init_hidden=True),
            nn.Linear(7, 6),
            snn.RLeaky(beta=0.8, linear_features=6, init_hidden=True, reset_mechanism="subtract"),
            nn.Linear(6, 3),
            snn.Synaptic(alpha=0.7, beta=0.8, learn_alpha=True, init_hidden=True, output=True),
        )
    )


def update(package: Any, net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor) -> Tensor:
    package.utils.reset(net)
    loss = sum(net(x)[2].pow(2).mean() for _ in range(STEPS))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


@pytest.mark.parametrize(("first", "second"), [(peer, snn), (snn, peer)], ids=["from the peer", "to the peer"])
def test_a_training_goes_on_in_the_other_library(first: Any, second: Any) -> None:
    """After an update, weights and the optimizer's moments are saved, loaded there and read back."""
    peer.SpikingNeuron.instances.clear()
    x = torch.rand(BATCH, 5)
    before, after = net_of(first), net_of(second)
    optimizers = [torch.optim.Adam(net.parameters(), lr=5e-3) for net in (before, after)]
    update(first, before, optimizers[0], x)
    file = io.BytesIO()
    torch.save({"net": before.state_dict(), "optimizer": optimizers[0].state_dict()}, file)
    file.seek(0)
    checkpoint = torch.load(file)
    states = {key: value for key, value in checkpoint["net"].items() if key not in buffers_of(first, second)}
    after.load_state_dict(states, strict=True)
    optimizers[1].load_state_dict(checkpoint["optimizer"])
    for _ in range(2):
        peer.SpikingNeuron.instances[:] = [m for m in (before, after) for m in m.modules() if is_peers(m)]
        losses = [
            update(package, net, optimizer, x)
            for package, net, optimizer in ((first, before, optimizers[0]), (second, after, optimizers[1]))
        ]
        equal("loss", *losses)
    for (name, left), (_, right) in zip(weights(before), weights(after), strict=True):
        equal(name, left, right)


def buffers_of(first: Any, second: Any) -> set[str]:
    """Keys that one library alone has: none, so that a file is the other's as it is."""
    return {*net_of(first).state_dict()} ^ {*net_of(second).state_dict()}


def is_peers(module: nn.Module) -> bool:
    return isinstance(module, peer.SpikingNeuron)
