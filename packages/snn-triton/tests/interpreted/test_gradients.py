"""Gradients that are not there, or not asked for; and a neuron that changes between its passes."""

from __future__ import annotations

import itertools
from unittest import mock

import pytest
import torch

import snn_core as snn
from snn_core.engines import Arguments, Upstream
from snn_core.engines.fused import repeated
from snn_core.neuron.makeup import constants_of
from snn_triton.engine import Engine

from .comparison import Comparison, by_kernels, drive, same_bits

NEURONS = {
    "synaptic": lambda: snn.Synaptic(0.8, 0.7, learn_alpha=True, learn_threshold=True),
    "at once": lambda: snn.Synaptic(0.8, 0.7, reset_mechanism="zero", reset_delay=False, learn_beta=True),
}
SUBSETS = [a for n in range(3) for a in itertools.combinations(range(3), n)]


@pytest.mark.parametrize("steps", [1, 6])
@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("absent", SUBSETS, ids=str)
@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.usefixtures("wide")
def test_any_of_the_outputs_may_have_no_gradient(name: str, absent: tuple[int, ...], trace: bool, steps: int) -> None:
    Comparison(NEURONS[name]().double(), drive(steps, 3, 5), trace=trace, absent=absent).agrees()


@pytest.mark.parametrize("steps", [1, 6])
@pytest.mark.parametrize("trace", [False, True])
def test_all_gradients_are_zero_if_no_output_has_one(trace: bool, steps: int, wide_engine: Engine) -> None:
    neuron, x = NEURONS["synaptic"](), drive(steps, 3, 5, dtype=torch.float32)
    program, states = snn.program(neuron), [torch.ones(3, 5), torch.ones(3, 5)]
    with torch.no_grad():
        coefficients = list(program.once.run(constants_of(neuron)).values())
    call = Arguments(x, states, coefficients, trace)
    _, saved = wide_engine.forward(program, call, True)
    back = wide_engine.backward(program, call, Upstream([None] * 3, saved, (True,)), torch.Size())
    gradients = [g for g in back if g is not None]
    assert [g.shape for g in gradients] == [x.shape, (3, 5), (3, 5), *[()] * len(program.sums)]
    assert not any(g.any() for g in gradients)


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.usefixtures("wide")
def test_the_gradient_of_the_input_is_left_out_where_nobody_asks(name: str) -> None:
    neuron, xs = NEURONS[name]().double(), drive(7, 3, 5)
    part, whole = (Comparison(neuron, xs, need_x=need) for need in (False, True))
    part.agrees()
    for f, e in zip(part.outcome(by_kernels)[1], whole.outcome(by_kernels)[1][1:], strict=True):
        same_bits(f, e)


@pytest.mark.usefixtures("wide")
def test_constants_that_do_not_learn_have_none() -> None:
    neuron = snn.Leaky(0.9, learn_beta=True, learn_threshold=True)
    neuron.beta.requires_grad_(False)
    spikes, _ = neuron.unroll(drive(5, 3, dtype=torch.float32))
    spikes.sum().backward()
    assert neuron.beta.grad is None
    assert neuron.threshold.grad is not None


@pytest.mark.usefixtures("wide")
def test_a_changed_input_is_noticed_before_its_gradient_would_be_wrong() -> None:
    xs = drive(5, 3, dtype=torch.float32)
    spikes, _ = snn.Leaky(0.9, learn_beta=True).unroll(xs)
    xs.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        spikes.sum().backward()


@pytest.mark.usefixtures("wide")
def test_outputs_belong_to_their_user() -> None:
    neuron, xs = NEURONS["synaptic"](), drive(5, 3, dtype=torch.float32)
    spikes, state = neuron.unroll(xs)
    before = [t.detach().clone() for t in (spikes, *state)]
    for tensor in (spikes, *state):
        tensor.add_(1)  # autograd would forbid it of a view
    for f, e in zip(neuron.unroll(xs)[1], before[1:], strict=True):
        same_bits(f.detach(), e)


@pytest.mark.parametrize("steps", [2, 40])
@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.usefixtures("wide")
def test_the_gradient_of_a_step_that_is_repeated_is_summed(name: str, steps: int, wide_engine: Engine) -> None:
    neuron, rows = NEURONS[name]().double(), drive(3, 5)
    by_way = []
    with mock.patch.object(wide_engine, "backward", wraps=wide_engine.backward) as backward:
        for whole in (repeated(rows.requires_grad_(), steps), rows.expand(steps, 3, 5)):
            spikes, states = neuron.unroll(whole, trace=True)
            loss = spikes.sum() + sum(state.square().sum() for state in states)
            by_way.append(torch.autograd.grad(loss, [rows, *neuron.parameters()]))
    flags = [call.args[2].needs[0] for call in backward.call_args_list[-2:]]  # the first looks if the kernels compile
    assert flags == [False, True]  # the gradient of each step's input
    for result, expected in zip(*by_way, strict=True):
        torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
