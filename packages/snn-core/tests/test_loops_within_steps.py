"""Tests of nets whose ``forward`` loops over time by itself, and of nets that run small steps within a step."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import close


class Looping(nn.Module):
    """A net whose forward runs through a time of its own."""

    def __init__(self, init_hidden: bool) -> None:
        super().__init__()
        self.fc, self.lif1 = nn.Linear(5, 4), snn.Leaky(beta=0.9, init_hidden=init_hidden)


class ResetsAndLoops(Looping):
    def forward(self, x: Tensor) -> Tensor:
        snn.utils.reset(self)
        return torch.stack([self.lif1(self.fc(x)) for _ in range(20)])


class PassesStates(Looping):
    def forward(self, x: Tensor) -> Tensor:
        mem, spikes = self.lif1.init_leaky(), []
        for _ in range(20):
            spk, mem = self.lif1(self.fc(x), mem)
            spikes.append(spk)
        return torch.stack(spikes)


class LoopsOverAnAxis(Looping):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.lif1(self.fc(x[step])) for step in range(x.size(0))])


class Settles(Looping):
    """A net that runs four small steps in each step, and goes on from one to the next."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(4):
            spk = self.lif1(self.fc(x))
        return spk


@pytest.mark.parametrize("steps", [2, 7])
@pytest.mark.parametrize(
    ("net", "count"), [(ResetsAndLoops(True), 20), (PassesStates(False), 20), (LoopsOverAnAxis(True), 3)]
)
def test_a_forward_with_its_own_loop_over_time_is_not_taken_for_a_step(net: nn.Module, count: int, steps: int) -> None:
    message = (
        f"'lif1' (Leaky) ran {count} times in one step: forward has its own loop over time. Call net(xs), or write"
    )
    xs = torch.rand(steps, 3, 5)
    with pytest.raises(ValueError, match=re.escape(message)):
        snn.unroll(net, xs)
    assert len(snn.unroll(net, xs, schedule="steps")) == steps


def test_small_steps_within_a_step_run_as_the_loop() -> None:
    xs, net = torch.rand(6, 3, 5), Settles(True)
    outputs = snn.unroll(net, xs)
    snn.utils.reset(net)
    close(outputs, torch.stack([net(x) for x in xs]))
