"""Graphs that are cut by the program: states detached between stretches of a sequence, in place and not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .both import louder, same, weights

STEPS, STRETCH, BATCH = 12, 4, 3
CUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "detach": lambda state: state.detach(),
    "detach_": lambda state: state.detach_(),
    "clone": lambda state: state.clone().detach().requires_grad_(False),
    "data": lambda state: state.data,
}


@pytest.mark.parametrize("cut", CUTS)
def test_an_update_after_each_stretch(cut: str) -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = louder(nn.ModuleList([nn.Linear(4, 6), snn.Synaptic(0.7, 0.9), nn.Linear(6, 2), snn.Leaky(0.9)]))
        fc1, lif1, fc2, lif2 = net
        optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
        syn1, mem1, mem2, losses = *lif1.init_synaptic(), lif2.init_leaky(), []
        xs, loss = torch.rand(STEPS, BATCH, 4), torch.zeros(())
        for step, x in enumerate(xs):
            spk1, syn1, mem1 = lif1(fc1(x), syn1, mem1)
            _, mem2 = lif2(fc2(spk1), mem2)
            loss = loss + (mem2 - 0.5).pow(2).mean()
            if (step + 1) % STRETCH == 0:
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
                losses.append(loss.item())
                loss = torch.zeros(())
                syn1, mem1, mem2 = (CUTS[cut](state) for state in (syn1, mem1, mem2))
        return {"losses": losses, **dict(weights(net))}

    same(program)


def test_kept_states_are_dropped_by_hand() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = louder(nn.Sequential(nn.Linear(4, 6), snn.Leaky(0.9, init_hidden=True, output=True)))
        optimizer, losses = torch.optim.SGD(net.parameters(), lr=0.05), []
        for x in torch.rand(STEPS, BATCH, 4):
            _, mem = net(x)
            loss = (mem - 0.5).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            net[1].mem = net[1].mem.detach()
        return {"losses": losses, **dict(weights(net))}

    same(program)
