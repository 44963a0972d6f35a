"""Surrogate gradients: of the library, of one's own function, and of one's own autograd function."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .both import learn, louder, same, some_fire

STEPS, BATCH = 7, 4


class Boxcar(torch.autograd.Function):
    """A gradient of 1/2 where the membrane is within 1 of its threshold."""

    @staticmethod
    def forward(ctx: Any, mem: Tensor) -> Tensor:
        ctx.save_for_backward(mem)
        return (mem > 0).float()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (mem,) = ctx.saved_tensors
        return grad * 0.5 * (mem.abs() < 1)


def fast_sigmoid_of_their_own(input_: Tensor, grad_input: Tensor, spikes: Tensor) -> Tensor:
    return grad_input / (7 * input_.abs() + 1.0) ** 2 + 0.01 * spikes * grad_input


SURROGATES = {
    "atan": lambda snn: snn.surrogate.atan(alpha=3.0),
    "fast_sigmoid": lambda snn: snn.surrogate.fast_sigmoid(slope=5),
    "sigmoid": lambda snn: snn.surrogate.sigmoid(slope=5),
    "spike_rate_escape": lambda snn: snn.surrogate.spike_rate_escape(beta=1, slope=2),
    "straight_through_estimator": lambda snn: snn.surrogate.straight_through_estimator(),
    "heaviside": lambda snn: snn.surrogate.heaviside(),
    "SFS": lambda snn: snn.surrogate.SFS(slope=5, B=0.5),
    "custom_surrogate": lambda snn: snn.surrogate.custom_surrogate(fast_sigmoid_of_their_own),
    "an autograd function": lambda snn: Boxcar.apply,
    "a lambda": lambda snn: lambda mem: Boxcar.apply(mem),
}


@pytest.mark.parametrize("name", SURROGATES)
def test_a_net_learns_by_a_surrogate(name: str) -> None:
    def program(snn: Any) -> dict[str, Any]:
        grad = SURROGATES[name](snn)
        first = snn.Leaky(beta=0.8, spike_grad=grad, init_hidden=True)
        net = louder(nn.Sequential(nn.Linear(6, 8), first, nn.Linear(8, 3), snn.Leaky(0.9, spike_grad=grad)))
        x, labels = torch.rand(BATCH, 6), torch.arange(BATCH) % 3

        def spikes() -> Tensor:
            snn.utils.reset(net)
            mem, record = net[3].reset_mem(), []
            for _ in range(STEPS):
                spk, mem = net[3](net[:3](x), mem)
                record.append(spk)
            return torch.stack(record)

        criterion = snn.functional.mse_count_loss(correct_rate=0.9, incorrect_rate=0.1)
        return {"spk": some_fire(spikes()), **learn(net, lambda: criterion(spikes(), labels).sum(), lr=1e-3)}

    same(program)


def test_spikes_without_a_surrogate_for_export() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.Leaky(beta=0.8, surrogate_disable=True)
        mem, spikes = neuron.init_leaky(), []
        for x in torch.rand(STEPS, BATCH, 3):
            spk, mem = neuron(x, mem)
            spikes.append(spk)
        return {"spk": some_fire(torch.stack(spikes)), "differentiable": spk.requires_grad}

    same(program)


def test_a_stochastic_surrogate_draws_the_same_numbers() -> None:
    def program(snn: Any) -> dict[str, Any]:
        x = torch.linspace(-1, 1, 12, requires_grad=True)
        spk = snn.surrogate.SSO(mean=0, variance=0.3)(x)
        torch.manual_seed(5)
        (grad,) = torch.autograd.grad(spk.sum(), x)
        return {"spk": spk, "grad": grad}

    same(program)
