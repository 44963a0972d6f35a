"""The last output is handed out as it came, so that a gradient that is alike in all steps stays one step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import snn_core as snn

from .stepped_programs import stepped

Strides = tuple[int | None, ...]


def of_a_sum_over_time(net: nn.Module) -> list[Strides]:
    """The strides over time of the gradients that an engine is given, layer by layer from the last one."""
    strides: list[Strides] = []
    with stepped() as engine:
        backward = engine.backward

        def watched(program: Any, call: Any, upstream: Any, shape: torch.Size) -> Any:
            strides.append(tuple(None if g is None else g.stride(0) for g in upstream.grads))
            return backward(program, call, upstream, shape)

        engine.backward = watched
        spk, mem = snn.unroll(net, torch.rand(5, 3, 4))
        (spk.sum(0) ** 2 + mem.sum(0) ** 2).sum().backward()
    return strides


def test_sums_over_time_reach_the_kernel_as_one_step() -> None:
    net = nn.Sequential(nn.Linear(4, 6), snn.Leaky(0.9, init_hidden=True, output=True))
    assert of_a_sum_over_time(net) == [(0, 0)]


def test_a_neuron_behind_a_neuron_gets_the_output_of_the_first() -> None:
    inner, last = snn.Leaky(0.9, init_hidden=True), snn.Leaky(0.8, init_hidden=True, output=True)
    assert of_a_sum_over_time(nn.Sequential(nn.Linear(4, 6), inner, last)) == [(0, 0), (18, None)]


class Both(nn.Module):
    """Returns the spikes of a neuron, and what a layer and a second neuron make of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 2)
        self.inner, self.behind = snn.Leaky(0.9, init_hidden=True), snn.Leaky(0.8, init_hidden=True, output=True)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        spk = self.inner(self.first(x))
        return (spk, self.second(spk), *self.behind(spk))


def test_spikes_may_go_on_to_a_layer_to_a_neuron_and_out() -> None:
    net, xs = Both().double(), 3 * torch.rand(5, 3, 4, dtype=torch.float64)
    results = []
    for schedule in ("layers", "steps"):
        x = xs.clone().requires_grad_()
        outs = snn.unroll(net, x, schedule=schedule)
        loss = sum((out * torch.arange(1.0, 6).view(-1, 1, 1)).sum() for out in outs)
        results.append([*outs, *torch.autograd.grad(loss, [x, *net.parameters()])])
    torch.testing.assert_close(*results)


def test_a_view_of_a_whole_tensor_gets_its_own_gradient() -> None:
    data, gradients = torch.rand(5, 3, 4, requires_grad=True), []
    xs = data[:]
    xs.retain_grad()
    xs.register_hook(gradients.append)
    snn.unroll(nn.Sequential(snn.Leaky(0.9, init_hidden=True)), xs).sum().backward()
    assert xs.grad is not None
    assert data.grad is not None
    assert torch.equal(xs.grad, data.grad)
    assert torch.equal(gradients[0], data.grad)
