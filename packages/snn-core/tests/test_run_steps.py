"""The steps of a module with a state are a function of input and state; what the module keeps is not touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

import snn_core as snn
from snn_core.neuron.temporal import Temporal

MODULES: dict[str, Callable[[], Any]] = {
    "Leaky": lambda: snn.Leaky(0.9, init_hidden=True, learn_beta=True),
    "Synaptic with output": lambda: snn.Synaptic(0.8, 0.9, init_hidden=True, output=True),
    "DeltaLeaky with output": lambda: snn.DeltaLeaky(beta=0.9, init_hidden=True, output=True),
    "RLeaky": lambda: snn.RLeaky(0.9, linear_features=5, init_hidden=True),
    "BatchNormTT1d": lambda: snn.BatchNormTT1d(5, 7),
    "DelayedLinear": lambda: snn.DelayedLinear(5, 4, max_delay=3),
    "AxonalDelay": lambda: snn.AxonalDelay(2, delay=1.5, learn_delay=True),
}


def of_loop(module: Temporal, xs: Tensor) -> list[Tensor]:
    """The outputs of calls one by one, each stacked over time, and the state that is kept after them."""
    outs = [tree_leaves(module(x)) for x in xs]
    return [torch.stack(column) for column in zip(*outs, strict=True)] + states(module._kept)


def states(last: Any) -> list[Tensor]:
    return [torch.as_tensor(leaf) for leaf in tree_leaves(last)]


def gradients(outs: list[Tensor], module: Temporal, xs: Tensor) -> tuple[Tensor | None, ...]:
    total = sum((out * out).sum() for out in outs if out.requires_grad)
    return torch.autograd.grad(total, [xs, *module.parameters()], allow_unused=True)


@pytest.mark.parametrize("cut", [1, 3, 7])
@pytest.mark.parametrize("name", MODULES)
def test_steps_in_two_parts_are_those_of_the_loop(name: str, cut: int) -> None:
    module, xs = MODULES[name]().double(), torch.rand(7, 3, 5, dtype=torch.float64, requires_grad=True)
    expected = of_loop(module, xs)
    snn.utils.reset(module)
    first, last = module.run_steps(xs[:cut], None)
    outs = [tree_leaves(first)]
    if cut < 7:
        second, last = module.run_steps(xs[cut:], last)
        outs.append(tree_leaves(second))
    joined = [torch.cat(column) for column in zip(*outs, strict=True)] + states(last)
    torch.testing.assert_close(joined, expected)
    torch.testing.assert_close(gradients(joined, module, xs), gradients(expected, module, xs))


@pytest.mark.parametrize("name", MODULES)
def test_the_kept_state_is_neither_read_nor_changed(name: str) -> None:
    module, xs = MODULES[name](), torch.rand(7, 3, 5)
    expected, _ = module.run_steps(xs, None)
    module(xs[0])
    before = module._kept
    out, _ = module.run_steps(xs, None)
    assert module._kept is before
    torch.testing.assert_close(tree_leaves(out), tree_leaves(expected))


@pytest.mark.parametrize("name", ["Leaky", "Synaptic with output", "RLeaky", "DelayedLinear", "AxonalDelay"])
def test_a_trace_contains_the_state_after_every_step(name: str) -> None:
    module, xs = MODULES[name](), torch.rand(7, 3, 5)
    out, trace = module.run_steps(xs, None, trace=True)
    for steps in (1, 4, 7):
        part, last = module.run_steps(xs[:steps], None)
        torch.testing.assert_close(tree_leaves(part), [leaf[:steps] for leaf in tree_leaves(out)])
        torch.testing.assert_close(states(last), [state[steps - 1] for state in tree_leaves(trace)])


@pytest.mark.parametrize("full", [True, False])
def test_a_parallel_membrane_goes_on_from_its_state(full: bool) -> None:
    torch.manual_seed(1)
    layer, xs = snn.LeakyParallel(5, 4, weight_hh_enable=full), 3 * torch.rand(7, 3, 5)
    whole = layer(xs)
    first, last = layer.run_steps(xs[:4], None)
    second, _ = layer.run_steps(xs[4:], last)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    assert layer._kept is None
