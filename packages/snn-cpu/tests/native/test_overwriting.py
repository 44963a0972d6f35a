"""Tests of gradients of the input that kernels write over those of the spikes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.engines import fused

from .specification import KINDS, case

NEURONS = {
    "Leaky": lambda n: snn.Leaky(beta=torch.linspace(0.5, 0.9, n), learn_beta=True, init_hidden=True),
    "Synaptic": lambda n: snn.Synaptic(alpha=0.8, beta=0.7, reset_mechanism="zero", init_hidden=True),
    "Alpha": lambda n: snn.Alpha(alpha=0.9, beta=0.7, init_hidden=True),
    "RLeaky": lambda n: snn.RLeaky(beta=0.8, linear_features=n, init_hidden=True),
    "RSynaptic": lambda n: snn.RSynaptic(alpha=0.8, beta=0.7, all_to_all=False, V=0.3, init_hidden=True),
    "AdLIF": lambda n: snn.AdLIF(beta=0.9, rho=0.95, a=0.3, b=0.6, init_hidden=True),
}
FEATURES = [1, 7, 31, 33, 127, 129, 257, 770]


@contextmanager
def copying(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every gradient in memory of its own."""
    with monkeypatch.context() as patched:
        patched.setattr(fused, "is_owned", lambda grads: False)
        yield


def gradients(net: nn.Module, loss: Callable[[Tensor], Tensor], xs: Tensor) -> list[Tensor]:
    """The gradients of a loss by input and parameters."""
    xs = xs.clone().requires_grad_()
    net.zero_grad()
    loss(snn.unroll(net, xs)).backward()
    return [xs.grad, *(p.grad for p in net.parameters())]


def square(out: Tensor) -> Tensor:
    """A loss with a gradient for each number."""
    return (out * torch.linspace(0.2, 2, out.numel(), dtype=out.dtype).view_as(out)).square().sum()


def same(result: list[Tensor], others: list[Tensor]) -> None:
    """Fail unless all are equal to the bit, and not all zero."""
    assert any(bool(g.any()) for g in result)
    for a, b in zip(result, others, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NEURONS)
def test_gradients_are_the_same_to_the_bit(
    name: str, dtype: torch.dtype, features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(features)
    net = nn.Sequential(nn.Linear(5, features), NEURONS[name](features), nn.Linear(features, 3)).to(dtype)
    xs = torch.randn(37, 4, 5, dtype=dtype) * 3
    result = gradients(net, square, xs)
    with copying(monkeypatch):
        same(result, gradients(net, square, xs))


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 43), (1100,)], ids=str)
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_of_every_family(
    family: str, reset: str, delay: bool, shape: tuple[int, ...], trace: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = case(family, reset, delay, steps=35, shape=shape, trace=trace)

    def computed() -> list[Tensor]:
        fresh = sample.fresh()
        sum(square(out) for out in fresh.by_kernel()).backward()
        return [t.grad for t in fresh.tensors]

    result = computed()
    with copying(monkeypatch):
        same(result, computed())


def places(net: nn.Sequential, xs: Tensor, layer: int) -> tuple[int, int]:
    """Return where the gradients of a neuron's spikes and of its input lie."""
    calls: list[int] = []
    x, driven = xs, None
    for index, module in enumerate(net):
        if index == layer:
            driven = x
            driven.register_hook(lambda g: calls.append(g.data_ptr()))
            x, _ = module.unroll(x)
            x.register_hook(lambda g: calls.append(g.data_ptr()))
        else:
            x = module(x)
    square(x).backward()
    of_spikes, of_input = calls
    return of_spikes, of_input


@pytest.mark.parametrize("name", ["Leaky", "RLeaky"])
def test_nothing_new_is_allocated_for_the_gradient_of_the_input(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(nn.Linear(5, 33), NEURONS[name](33), nn.Linear(33, 3))
    xs = torch.randn(37, 4, 5)
    of_spikes, of_input = places(net, xs, 1)
    assert of_spikes == of_input
    with copying(monkeypatch):
        of_spikes, of_input = places(net, xs, 1)
        assert of_spikes != of_input


def test_a_gradient_that_goes_two_ways_is_not_overwritten(monkeypatch) -> None:
    class Residual(nn.Module):
        """Two neurons whose spikes are added, so that both get the same gradient."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = (snn.Leaky(beta=b, init_hidden=True) for b in (0.5, 0.9))

        def forward(self, x: Tensor) -> Tensor:
            return (self.first(x) + self.second(x)) * 1.5

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 33), Residual(), nn.Linear(33, 3))
    xs = torch.randn(37, 4, 5) * 3
    result = gradients(net, square, xs)
    with copying(monkeypatch):
        same(result, gradients(net, square, xs))
    snn.utils.reset(net)
    net.zero_grad()
    square(torch.stack([net(x) for x in xs])).backward()
    for gradient, expected in zip(result[1:], (p.grad for p in net.parameters()), strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-4)


def test_gradients_that_others_hold_stay_as_they_are() -> None:
    torch.manual_seed(0)
    neuron, xs = snn.Leaky(beta=0.9), torch.rand(9, 4, 7, requires_grad=True)
    spk, _ = neuron.unroll(xs * 2)
    result = torch.rand(9, 4, 7)
    before = result.clone()
    spk.backward(result)
    assert torch.equal(result, before)

    saved: list[Tensor] = []
    spk, _ = neuron.unroll(xs * 2)
    spk.retain_grad()
    spk.register_hook(saved.append)
    (spk * before).sum().backward()
    assert torch.equal(saved[0], before)
    assert torch.equal(spk.grad, before)


def test_a_second_backward_pass_of_the_same_graph_gives_the_same() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 33), snn.RLeaky(beta=0.8, linear_features=33, init_hidden=True), nn.Linear(33, 3))
    loss = square(snn.unroll(net, torch.randn(37, 4, 5) * 3))
    passes = []
    for again in (True, False):
        net.zero_grad()
        loss.backward(retain_graph=again)
        passes.append([p.grad.clone() for p in net.parameters()])
    same(*passes)


GRADIENTS = {
    "one number for all neurons": lambda: torch.rand(6, 4, 1).expand(6, 4, 7),
    "one step for all": lambda: torch.rand(1, 4, 7).expand(6, 4, 7),
    "another order in memory": lambda: torch.rand(6, 7, 4).mT,
    "with gaps": lambda: torch.rand(6, 4, 14)[..., ::2],
    "dense": lambda: torch.rand(6, 4, 7),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_of_gradients_in_any_order_in_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Given(torch.autograd.Function):
        """The identity, which returns a gradient of its own."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Tensor:
            torch.manual_seed(1)
            return GRADIENTS[name]()

    def computed() -> list[Tensor]:
        xs = torch.rand(6, 4, 7, generator=torch.Generator().manual_seed(0)).mul(2).requires_grad_()
        Given.apply(snn.Leaky(beta=0.9).unroll(xs)[0]).sum().backward()
        return [xs.grad]

    result = computed()
    with copying(monkeypatch):
        same(result, computed())
