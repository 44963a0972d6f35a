"""Tests of ``unroll(..., check=True)``, which compares a run with the loop."""

from __future__ import annotations

import os
import random
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn


class Scaled(nn.Module):
    """A net that scales its input by what a function returns."""

    def __init__(self, scale: Any) -> None:
        super().__init__()
        self.fc, self.norm = nn.Linear(5, 4), nn.BatchNorm1d(4)
        self.lif = snn.Leaky(beta=0.9, threshold=0.3, learn_beta=True, init_hidden=True)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(self.norm(self.fc(x))) * self.scale()


def counts_in_the_environment() -> float:
    """Return 1 four times and then 2, from a count that no attribute, closure or global name leads to."""
    count = int(os.environ["STEPS"]) + 1
    os.environ["STEPS"] = str(count)
    return 1.0 if count < 5 else 2.0


@pytest.fixture
def xs(monkeypatch: pytest.MonkeyPatch) -> Tensor:
    monkeypatch.setenv("STEPS", "0")
    return torch.rand(7, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


def test_a_difference_that_the_record_cannot_see_is_found(xs: Tensor) -> None:
    net = Scaled(counts_in_the_environment).double().eval()
    snn.unroll(net, xs)
    os.environ["STEPS"] = "0"
    with pytest.raises(RuntimeError, match=r"check=True\): output 0 is \S+ at \[\d, \d, \d\], the loop's"):
        snn.unroll(net, xs, check=True)
    assert snn.unroll(net, xs, schedule="steps", check=True).shape == (7, 3, 4)


@pytest.mark.parametrize("options", [{}, {"chunk": 3}, {"chunk": 3, "truncate": True}, {"lengths": [7, 7, 4]}], ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_a_net_that_agrees_is_left_as_without_the_check(xs: Tensor, options: dict[str, Any], training: bool) -> None:
    outcomes = []
    for check in (False, True):
        torch.manual_seed(3)
        random.seed(3)
        net = Scaled(lambda: 1.0).double().train(training)
        net(xs[0].detach())
        snn.utils.detach(net)
        out = snn.unroll(net, xs, resume=True, check=check, **options)
        gradients = torch.autograd.grad(out.sum(), [xs, *net.parameters()]) if "chunk" not in options else ()
        outcomes.append([out, net.lif.mem, *net.buffers(), *gradients, torch.rand(2), torch.tensor(random.random())])
    torch.testing.assert_close(*outcomes, rtol=0, atol=0)


class Straight(torch.autograd.Function):
    """The step function with a gradient that another call computes differently."""

    slope = 1.0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Tensor:
        Straight.slope += 1
        return grads[0] * Straight.slope


def test_a_backward_pass_that_counts_is_found(xs: Tensor) -> None:
    net = nn.Sequential(snn.Leaky(beta=0.9, spike_grad=Straight.apply, init_hidden=True))
    with pytest.raises(RuntimeError, match=re.escape("check=True): the gradient of the input is")):
        snn.unroll(net, xs, check=True)


def test_the_check_returns_a_schedule_too(xs: Tensor) -> None:
    net = nn.Sequential(nn.Linear(5, 4), snn.Leaky(beta=0.9, init_hidden=True)).double()
    spk, how = snn.unroll(net, xs, check=True, explain=True)
    assert (spk.shape, how.kind) == ((7, 3, 4), "layers")
