"""Tests of what explain says to write instead where a net runs step by step: with it, the net runs layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import call_loop, close


class Net(nn.Module):
    """Two neurons, with code between them."""

    def __init__(self, between: Callable[[Any, Tensor], Tensor], output: bool = False) -> None:
        super().__init__()
        self.linear, self.between = nn.Linear(5, 4), between
        self.first = snn.Leaky(beta=0.9, threshold=0.3, init_hidden=True, output=output)
        self.second, self.third = (snn.Leaky(beta=0.9, threshold=0.3, init_hidden=True) for _ in range(2))
        self.register_buffer("trace", torch.zeros(4))
        self.last: Any = 0.0

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.between(self, self.first(self.linear(x))))


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0]


def reads(net: Any, x: Tensor) -> Tensor:
    return x if x.sum() > 2 else -x


def chooses(net: Any, x: Tensor) -> Tensor:
    return torch.where(x.sum() > 2, x, -x)


def remembers(net: Any, x: Tensor) -> Tensor:
    net.last = 0.5 * net.last + x.detach()
    return x + net.last


def buffers(net: Any, x: Tensor) -> Tensor:
    net.trace.mul_(0.5).add_(x.detach().mean(0))
    return x + net.trace


def selects(net: Any, x: Tensor) -> Tensor:
    return x + x[x > 0].sum()


def masks(net: Any, x: Tensor) -> Tensor:
    return x + (x * (x > 0)).sum()


def defines(net: Any, x: Tensor) -> Tensor:
    return Doubled.apply(x)


def passes_through(net: Any, x: Tensor) -> Tensor:
    return x + (2 * x - x).detach()


def touches(net: Any, x: Tensor) -> Tensor:
    return x + net.first.mem


def returned(net: Any, x: tuple[Tensor, Tensor]) -> Tensor:
    return x[0] + x[1]


def twice(net: Any, x: Tensor) -> Tensor:
    return net.first(x)


def once(net: Any, x: Tensor) -> Tensor:
    return net.third(x)


def counts(net: Any, x: Tensor) -> Tensor:
    return torch.poisson(x)


def draws(net: Any, x: Tensor) -> Tensor:
    return torch.bernoulli(0.5 * x)


def of_its_own(net: Any, x: Tensor) -> Tensor:
    return x + FIXED.mul_(2)


FIXED = torch.ones(4)
# what the code between two neurons does, the same by other means, whether the first neuron returns its membrane, remedy
INSTEAD: dict[str, tuple[Any, Any, bool, str]] = {
    "a branch": (reads, chooses, False, "use torch.where"),
    "an attribute": (remembers, buffers, False, "in a buffer that you change in place"),
    "a selection": (selects, masks, False, "multiply by a mask"),
    "a gradient": (defines, passes_through, False, "y + (f(x) - y).detach()"),
    "a state": (touches, returned, True, "which output=True does"),
    "two calls": (twice, once, False, "make a neuron for each call"),
    "random numbers": (counts, draws, False, "draw with torch.bernoulli"),
    "a tensor outside": (of_its_own, buffers, False, "in a buffer that you change in place"),
}


@pytest.mark.parametrize(("code", "instead", "output", "remedy"), INSTEAD.values(), ids=INSTEAD)
def test_a_net_rewritten_as_explain_says_runs_layer_by_layer(
    code: Any, instead: Any, output: bool, remedy: str
) -> None:
    xs = torch.randn(7, 3, 5, generator=torch.Generator().manual_seed(0))
    schedule = snn.unroll(Net(code), xs, explain=True)[1]
    assert schedule.kind == "steps"
    assert remedy in str(schedule).splitlines()[1]
    torch.manual_seed(0)
    net = Net(instead, output)
    torch.manual_seed(1)
    out, schedule = snn.unroll(net, xs, explain=True)
    assert schedule.kind == "layers"
    assert "to run layer by layer" not in str(schedule)
    net.trace.zero_()
    torch.manual_seed(1)
    close(out, call_loop(net, xs))


def test_explain_tells_a_hook_from_a_request() -> None:
    net, xs = Net(once), torch.zeros(7, 3, 5)
    assert str(snn.unroll(net, xs, schedule="steps", explain=True)[1]) == "step by step: requested by schedule='steps'"
    net.linear.register_forward_hook(lambda *call: None)
    assert "remove the hook" in str(snn.unroll(net, xs, explain=True)[1])
