"""For every neuron: a net that is compiled or exported gives what it gives without, for every size of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import snn_core as snn

from .test_whole_sequence_contract import build, listed, sequence
from .zoo import NEURONS, WHOLE, Case, close, gradients

every_neuron = pytest.mark.parametrize("case", NEURONS, ids=str)
every_layer = pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)
pytestmark = [pytest.mark.compiles, pytest.mark.exhaustive, pytest.mark.usefixtures("fresh_compiler")]


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Compiled code of one test is not reused, or counted as a recompilation, in the next."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def for_every_batch(function: Callable[[Tensor], Any], inputs: Iterable[Tensor]) -> Iterator[tuple[Tensor, Any]]:
    """Input and output of a function compiled into one graph, which the first input compiles for all others."""
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    for count, xs in enumerate(inputs):
        torch._dynamo.mark_dynamic(xs, 1)
        # torch does not look into an nn.RNN, as which LeakyParallel holds its weights, unless it is told to
        with torch._dynamo.config.patch(error_on_recompile=count > 0, allow_rnn=True):
            yield xs, compiled(xs)


def same(ours: Any, expected: Any, tensors: list[Tensor]) -> None:
    """Outputs and gradients are equal."""
    ours, expected = tree_leaves(ours), tree_leaves(expected)
    close(ours, expected)
    close(gradients(ours, tensors), gradients(expected, tensors))


@every_neuron
def test_an_unrolled_net_is_one_graph_for_every_size_of_a_batch(case: Case) -> None:
    net = nn.Sequential(case.make(init_hidden=True, output=True))
    inputs = [case.input(3, batch).requires_grad_() for batch in (3, 5)]
    for xs, out in for_every_batch(lambda xs: snn.unroll(net, xs), inputs):
        same(out, snn.unroll(net, xs), [xs, *net.parameters()])


@every_layer
def test_a_layer_over_sequences_is_one_graph_for_every_size_of_a_batch(make) -> None:
    layer = build(make)
    inputs = [sequence()[:4, :1].repeat(1, batch, 1).requires_grad_() for batch in (3, 5)]
    for xs, out in for_every_batch(layer, inputs):
        same(out, layer(xs), [xs, *(p for p in layer.parameters() if p.requires_grad)])


def test_compiled_training_takes_the_steps_of_plain_training() -> None:
    def trained(compile_: bool) -> list[Tensor]:
        torch.manual_seed(0)
        neurons = [snn.Leaky(0.8, init_hidden=True, learn_beta=True), snn.Synaptic(0.5, 0.8, init_hidden=True)]
        net = nn.Sequential(nn.Linear(5, 7), neurons[0], nn.Linear(7, 3), neurons[1]).double()
        optimizer = torch.optim.Adam(net.parameters(), lr=0.05)

        def loss(xs: Tensor) -> Tensor:
            return (snn.unroll(net, xs).mean(0) - 0.3).square().mean()

        step = torch.compile(loss, fullgraph=True, backend="eager") if compile_ else loss
        for seed in range(5):
            draw = torch.Generator().manual_seed(seed)
            optimizer.zero_grad()
            step(2 * torch.randn(6, 3 + seed % 2, 5, generator=draw, dtype=torch.float64)).backward()
            optimizer.step()
        return [p.detach() for p in net.parameters()]

    close(trained(compile_=True), trained(compile_=False))


class OneStep(nn.Module):
    """A neuron's step with its states as inputs and outputs."""

    def __init__(self, neuron: snn.SpikingNeuron) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        spk, after = self.neuron.step(x, self.neuron.State._make(states))
        return spk, *after


@every_neuron
def test_an_exported_step_takes_its_states_in_and_out(case: Case) -> None:
    step, dynamic = OneStep(case.make()), {0: torch.export.Dim("batch")}
    x, states = case.input()[0], [s.detach() for s in step.neuron.step(case.input()[1])[1]]
    shapes = (dynamic, tuple(dynamic for _ in states))
    exported = torch.export.export(step, (x, *states), dynamic_shapes=shapes).module()
    xs = case.input(batch=5)
    ours = reference = tuple(s.detach() for s in step.neuron.step(xs[0])[1])
    for x in xs[1:]:
        spk, *ours = exported(x, *ours)
        expected, *reference = step(x, *reference)
        close((spk, ours), (expected, reference))


@every_layer
def test_an_exported_layer_over_sequences_takes_every_batch(make) -> None:
    layer, xs = build(make), sequence()
    shapes = {1: torch.export.Dim("batch")}
    exported = torch.export.export(layer, (xs,), dynamic_shapes=(shapes,))
    close(listed(exported.module()(xs[:, :2])), listed(layer(xs[:, :2])))


class Halved(nn.Sequential):
    """Layers in an own forward."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 0.5


@pytest.mark.parametrize("kind", [nn.Sequential, Halved])
def test_a_compiled_call_runs_by_the_schedule_of_an_earlier_one(kind: type[nn.Sequential]) -> None:
    net, xs = kind(nn.Linear(5, 4), snn.Leaky(beta=0.9, init_hidden=True)), torch.rand(7, 3, 5)
    expected, schedule = snn.unroll(net, xs, explain=True)
    compiled = torch.compile(lambda xs: snn.unroll(net, xs, schedule=schedule), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(xs), expected)
