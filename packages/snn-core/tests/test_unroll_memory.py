"""Tests of the memory that ``unroll`` stores and moves, counted in bytes rather than in seconds."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.sequence.execution import Plan


def net() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(5, 16),
        snn.Leaky(beta=0.9, init_hidden=True),
        nn.Linear(16, 7),
        snn.RLeaky(beta=0.9, linear_features=7, init_hidden=True),
    )


def bytes_of(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.numel() * tensor.element_size()


def moved_in_backward(out: Tensor) -> int:
    """Bytes of all gradients that flow between the nodes of the graph of ``out``."""
    visited, todo, total = set(), [out.grad_fn], 0

    def count(inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        nonlocal total
        total += sum(bytes_of(g) for g in inputs)

    while todo:
        node = todo.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        node.register_hook(count)
        todo.extend(child for child, _ in node.next_functions)
    out.sum().backward()
    return total


def stored(forward: Callable[[], Tensor]) -> int:
    """Bytes that the forward pass keeps for the backward pass, each storage counted once."""
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = forward()
    total = sum(sizes.values())
    out.sum().backward()
    return total


@pytest.mark.parametrize("schedule", ["layers", "steps"])
def test_the_backward_pass_is_linear_in_the_number_of_steps(schedule: str) -> None:
    model = net()
    short, long = (
        moved_in_backward(snn.unroll(model, torch.randn(t, 3, 5, requires_grad=True), schedule=schedule))
        for t in (40, 160)
    )
    # linear is 4, quadratic is 16
    assert long / short < 5


def test_a_lone_neurons_backward_pass_is_linear_too() -> None:
    lif = snn.Leaky(beta=0.9)
    short, long = (moved_in_backward(lif.unroll(torch.randn(t, 3, 5, requires_grad=True))[0]) for t in (40, 160))
    assert long / short < 5


@pytest.mark.parametrize("schedule", ["layers", "steps"])
def test_chunks_store_little_more_than_one_chunk(schedule: str) -> None:
    model, xs = net(), torch.randn(160, 3, 5, requires_grad=True)
    whole = stored(lambda: snn.unroll(model, xs, schedule=schedule))
    chunked = stored(lambda: snn.unroll(model, xs, schedule=schedule, chunk=8))
    assert chunked < whole / 3


def test_nothing_is_stored_without_gradients() -> None:
    model, xs = net(), torch.randn(40, 3, 5)
    with torch.no_grad():
        out = snn.unroll(model, xs)
    assert out.grad_fn is None
    assert not any(m.mem.requires_grad for m in model if isinstance(m, snn.SpikingNeuron))


def test_truncated_chunks_keep_no_history_between_calls() -> None:
    model = net()
    snn.unroll(model, torch.randn(12, 3, 5), chunk=4, truncate=True)
    assert not any(m.mem.requires_grad for m in model if isinstance(m, snn.SpikingNeuron))
    # hence each batch may go on from the last and be trained on its own
    for _ in range(2):
        out = snn.unroll(model, torch.randn(12, 3, 5), chunk=4, truncate=True, resume=True)
        out.sum().backward()


@pytest.mark.parametrize("budget", [1, 7 * 5 * 6 * 6 * 8, 3 * 7 * 5 * 6 * 6 * 8])
@pytest.mark.parametrize("options", [{}, {"chunk": 4}, {"chunk": 4, "truncate": True}])
def test_a_convolutional_net_gives_the_same_in_blocks_of_any_size(monkeypatch, budget: int, options: dict) -> None:
    net = nn.Sequential(
        nn.Conv2d(2, 5, 3),
        snn.Leaky(beta=0.9, init_hidden=True),
        nn.Flatten(),
        nn.Linear(180, 3),
        snn.Leaky(beta=0.8, init_hidden=True, output=True),
    ).double()
    xs = torch.rand(11, 7, 2, 8, 8, dtype=torch.float64)

    def outcome(**options):
        net.zero_grad()
        spk, mem = snn.unroll(net, xs, **options)
        (spk.sum() + mem.square().sum()).backward()
        return spk, mem, net[1].mem, *(p.grad.clone() for p in net.parameters())

    expected = outcome(schedule="steps", **options)
    monkeypatch.setattr("snn_core.sequence.execution._BLOCK_BYTES", budget)
    torch.testing.assert_close(outcome(**options), expected, rtol=1e-9, atol=1e-10)


def test_only_a_net_with_convolutions_runs_in_blocks_and_says_so() -> None:
    lif = [snn.Leaky(beta=0.9, init_hidden=True) for _ in range(2)]
    convolutional = nn.Sequential(nn.Conv1d(2, 3, 3), lif[0])
    dense = nn.Sequential(nn.Linear(7, 3), lif[1])
    xs = torch.rand(5, 4, 2, 7)
    assert "a block of steps at a time" in str(snn.backends.explain(convolutional, xs))
    assert "a block of steps at a time" not in str(snn.backends.explain(dense, xs))


def test_a_layer_that_takes_whole_sequences_is_not_said_to_go_step_by_step() -> None:
    plan = snn.backends.explain(nn.Sequential(snn.LeakyParallel(3, 2), snn.BatchNormTT1d(2, 5)), torch.rand(5, 4, 3))
    assert [layer.how for layer in plan.layers] == [
        "all steps at once",
        "one step after another, each with its own entry",
    ]


class Flattening(nn.Module):
    """Reads the number of samples."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.spike = nn.Linear(5, 13), snn.Leaky(beta=0.9, init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.spike(self.linear(x.view(x.size(0), -1)))


def test_the_recorded_steps_are_not_in_memory_while_the_plan_runs(monkeypatch) -> None:
    model, xs, tensors, run = Flattening(), torch.randn(6, 3, 5), [], Plan.run

    def observed(*args: Any) -> Any:
        tensors.append([value for value in gc.get_objects() if type(value) is Tensor and value.shape == (3, 13)])
        return run(*args)

    monkeypatch.setattr(Plan, "run", observed)
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):  # two steps are recorded in the first call, and one in the second
            snn.unroll(model, xs).sum().backward()
            snn.utils.reset(model)
            model.zero_grad()
    finally:
        gc.enable()
    assert tensors == [[], []]
