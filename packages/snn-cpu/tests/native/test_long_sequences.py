"""Sequences of a hundred thousand steps: what is stored depends on the chunk and not on their length."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.sequence.memory_plan import usage

STEPS = 100_000


def net() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(3, 7),
        snn.Leaky(beta=0.95, init_hidden=True),
        nn.Linear(7, 2),
        snn.Leaky(beta=0.9, init_hidden=True),
    ).double()


def test_a_sequence_of_a_hundred_thousand_steps_is_trained_on_in_chunks_with_the_whole_gradient() -> None:
    model, xs = net(), torch.rand(STEPS, 1, 3, dtype=torch.float64)
    parameters = list(model.parameters())

    def gradient(**options: int) -> tuple[Tensor, ...]:
        return torch.autograd.grad(snn.unroll(model, xs, **options).sum(), parameters)

    for chunked, whole in zip(gradient(chunk=10_000), gradient(), strict=True):
        torch.testing.assert_close(chunked, whole, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [1_000, STEPS])
def test_all_chunks_but_one_store_only_their_input_and_states(steps: int) -> None:
    model, xs, chunk = net(), torch.rand(steps, 1, 3, dtype=torch.float64), steps // 10
    most, stored = 0, {}

    def pack(tensor: Tensor) -> Tensor:
        nonlocal most
        stored[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        most = sum(stored.values()) - (xs.nbytes if xs.data_ptr() in stored else 0)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        snn.unroll(model, xs, chunk=chunk)
    # 7 + 2 neurons with a few numbers a step each
    assert most < 8 * chunk * (7 + 2) * 12


def test_a_budget_of_memory_bounds_what_a_hundred_thousand_steps_take() -> None:
    model, xs, budget = net(), torch.rand(STEPS, 1, 3, dtype=torch.float64), 8 * 2**20

    assert snn.plan_memory(model, xs).whole_bytes > 2 * budget
    chunk = snn.plan_memory(model, xs, budget).chunk
    used = usage(lambda: snn.unroll(model, xs, memory=budget), lambda out: out.sum().backward())
    assert used.peak <= budget
    planned = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    snn.unroll(model, xs, chunk=chunk).sum().backward()
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), planned, strict=True) if p.grad is not None)
