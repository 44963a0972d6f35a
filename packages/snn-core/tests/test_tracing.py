"""What ``unroll`` finds out about a ``forward`` before it trusts it to run layer by layer."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn

import snn_core as snn

XS = torch.rand(6, 2, 3)
KEPT: list[object] = []


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.lif = snn.Leaky(beta=0.9, init_hidden=True)
        self.register_buffer("count", torch.zeros(()))
        self.records: dict[str, list[object]] = {"spk": []}

    def forward(self, x):
        return self.lif(self.fc(x))


class WithDefaults(Net):
    def forward(self, x, mem=None, scale=2.0):
        spk = super().forward(x)
        return spk * scale if mem is None else mem


class BranchesByPython(Net):
    def forward(self, x):
        return super().forward(x) * (1 if random.random() < 0.5 else 2)


class BranchesByTorch(Net):
    def forward(self, x):
        return super().forward(x) * (1 if torch.rand(()) < 0.5 else 2)


class MakesATensor(Net):
    def forward(self, x):
        return self.lif(self.fc(x) + torch.arange(4.0))


class CountsInABuffer(Net):
    def forward(self, x):
        self.count += 1
        return super().forward(x)


class AppendsInside(Net):
    def forward(self, x):
        spk = super().forward(x)
        self.records["spk"].append(spk)
        return spk


class AppendsOutside(Net):
    def forward(self, x):
        spk = super().forward(x)
        KEPT.append(spk)
        return spk


class AppendsThenBranches(AppendsOutside):
    def forward(self, x):
        spk = super().forward(x)
        return spk if spk.sum() > 0 else spk * 2


class AppendsAndSets(AppendsOutside):
    def forward(self, x):
        self.last = super().forward(x)
        return self.last


class Sets(Net):
    def forward(self, x):
        self.last = super().forward(x)
        return self.last


def looped(net: nn.Module) -> torch.Tensor:
    snn.utils.reset(net)
    return torch.stack([net(x) for x in XS])


def test_a_forward_sees_its_own_defaults() -> None:
    net = WithDefaults().double()
    spk, how = snn.unroll(net, XS.double(), explain=True)
    assert how.kind == "layers"
    assert spk.unique().tolist() in ([0.0, 2.0], [0.0])
    assert spk.equal(snn.unroll(net, XS.double(), schedule="steps"))


@pytest.mark.parametrize("kind", [BranchesByPython, BranchesByTorch])
def test_a_forward_that_draws_numbers_runs_as_the_loop_and_from_the_same_draws(kind: type[Net]) -> None:
    net = kind()
    random.seed(0)
    torch.manual_seed(0)
    spk, how = snn.unroll(net, XS, explain=True)
    assert (how.kind, how.reason) == ("steps", "forward draws random numbers")
    random.seed(0)
    torch.manual_seed(0)
    assert spk.equal(looped(net))


def test_a_tensor_made_anew_in_every_step_is_named() -> None:
    net = MakesATensor()
    how = snn.backends.explain(net, XS)
    assert how.kind == "steps"
    assert "makes anew in every step" in how.reason
    assert not [name for name in vars(net) if name.startswith("_tensor_constant")]


def test_a_buffer_counts_as_many_steps_as_the_loop() -> None:
    net = CountsInABuffer()
    _, how = snn.unroll(net, XS, explain=True)
    assert how.reason == "forward changes the buffer 'count' while it runs"
    assert net.count.item() == 6


@pytest.mark.parametrize("kind", [AppendsInside, AppendsOutside, AppendsThenBranches, AppendsAndSets])
def test_values_left_outside_of_the_call_are_an_error_with_two_ways_out(kind: type[Net]) -> None:
    KEPT.clear()
    net = kind()
    with pytest.raises(ValueError, match=rf"{kind.__name__} leaves values .* return them .* schedule='steps'"):
        snn.unroll(net, XS)
    KEPT.clear()
    net.records["spk"].clear()
    spk = snn.unroll(net, XS, schedule="steps")
    assert torch.stack(KEPT or net.records["spk"]).equal(spk)


def test_tracing_leaves_nothing_behind() -> None:
    net = Net()
    before = {name: dict(vars(module)) for name, module in net.named_modules()}
    numbers = torch.get_rng_state()
    assert snn.backends.explain(net, XS).kind == "layers"
    assert numbers.equal(torch.get_rng_state())
    for name, module in net.named_modules():
        assert all(vars(module)[key] is value for key, value in before[name].items())


def test_an_attribute_is_left_as_the_loop_leaves_it() -> None:
    net = Sets()
    spk, how = snn.unroll(net, XS, explain=True)
    assert how.reason == "forward changes the attribute 'last' of Sets while it runs"
    assert net.last.equal(spk[-1])
