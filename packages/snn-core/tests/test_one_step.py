"""Tests that a sequence of one step is one call of the net."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

import snn_core as snn

CONSTANTS: dict[str, dict[str, float]] = {
    "Leaky": {"beta": 0.7},
    "Synaptic": {"alpha": 0.8, "beta": 0.7},
    "DeltaLeaky": {"beta": 0.7, "delta_threshold": 0.1},  # it gives a tuple inside of a tuple
    "AdLIF": {"beta": 0.7, "rho": 0.9},
}


def chain(output: bool = True, kind: str = "Leaky") -> nn.Sequential:
    """A net of two layers of neurons."""
    torch.manual_seed(0)
    last = getattr(snn, kind)(**CONSTANTS[kind], init_hidden=True, output=output)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(6, 5),
        snn.Leaky(beta=0.9, init_hidden=True, learn_beta=True),
        nn.Linear(5, 4),
        last,
    ).double()


def inputs() -> torch.Tensor:
    """Input of one step."""
    return torch.rand(1, 3, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 4


def leaves(out: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """The tensors of an output."""
    return tuple(tree_leaves(out))


@pytest.mark.parametrize("kind", CONSTANTS)
@pytest.mark.parametrize("output", [True, False])
@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("options", [{}, {"chunk": 1}, {"lengths": [1, 1, 1]}, {"memory": 10**9}], ids=str)
def test_outputs_states_and_gradients_are_those_of_a_call(kind: str, output: bool, resume: bool, options: dict) -> None:
    net, twin = chain(output, kind), chain(output, kind)
    before = inputs()[0] / 2
    for each in (net, twin):
        each(before)
    if not resume:
        snn.utils.reset(twin)
    xs, twin_xs = inputs().requires_grad_(), inputs().requires_grad_()
    out, plan = snn.unroll(net, xs, resume=resume, explain=True, **options)
    expected = twin(twin_xs[0])
    assert plan.kind == "steps"
    assert "single step" in plan.reason
    assert type(out) is type(expected)
    for part, expected_part in zip(leaves(out), leaves(expected), strict=True):
        assert part.shape == (1, *expected_part.shape)
        assert torch.equal(part[0], expected_part)
    assert torch.equal(net[-1].mem, twin[-1].mem)
    for parts in (leaves(out), leaves(expected)):
        sum((part * part.cos()).sum() for part in parts).backward()
    assert torch.equal(xs.grad, twin_xs.grad)
    for left, right in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(left.grad, right.grad)


def test_writing_into_outputs_changes_no_state() -> None:
    net = chain()
    with torch.no_grad():
        spk, mem = snn.unroll(net, inputs())
        state = net[-1].mem.clone()
        mem += 1
        spk += 1
    assert torch.equal(net[-1].mem, state)
    assert torch.equal(mem[0], state + 1)


def test_the_output_for_a_flattened_input_is_not_the_input() -> None:
    xs = inputs()
    out = snn.unroll(nn.Sequential(nn.Flatten()), xs)
    out += 1
    assert torch.equal(xs, inputs())


def test_nothing_is_computed_for_samples_that_have_ended() -> None:
    net, twin = chain(), chain()
    spk, mem = snn.unroll(net, inputs(), lengths=[1, 0, 1])
    expected = twin(inputs()[0, [0, 2]])
    for part, expected_part in zip((spk, mem), expected, strict=True):
        assert torch.equal(part[0, [0, 2]], expected_part)
        assert not part[0, 1].any()


def test_a_hook_sees_one_step() -> None:
    net, shapes = chain(), []
    net[1].register_forward_hook(lambda module, args, out: shapes.append(tuple(out.shape)))
    snn.unroll(net, inputs())
    assert shapes == [(3, 5)]


def test_a_neuron_that_keeps_no_state_is_refused_as_in_any_sequence() -> None:
    net = nn.Sequential(nn.Linear(6, 4), snn.Leaky(beta=0.9))
    for steps in (1, 2):
        with pytest.raises(ValueError, match="init_hidden=True"):
            snn.unroll(net, torch.rand(steps, 3, 6))


def test_a_neuron_that_is_called_twice_goes_on_from_its_first_call() -> None:
    neuron = snn.Leaky(beta=0.9, init_hidden=True)
    net = nn.Sequential(neuron, neuron)
    twin = copy.deepcopy(net)
    with pytest.warns(UserWarning, match="'0' and '1' are the same Leaky"):
        spk = snn.unroll(net, inputs())
    assert torch.equal(spk[0], twin(inputs()[0]))
    assert torch.equal(neuron.mem, twin[0].mem)


def test_a_layer_without_input_gives_its_bias() -> None:
    with pytest.warns(UserWarning, match="zero-element"):
        net = nn.Sequential(nn.Linear(0, 4), snn.Leaky(beta=0.9, init_hidden=True, output=True))
    with torch.no_grad():
        net[0].bias.fill_(0.5)
        _, mem = snn.unroll(net, torch.zeros(1, 3, 0))
    assert torch.equal(mem, torch.full((1, 3, 4), 0.5))


@pytest.mark.parametrize("steps", [1, 9])
def test_its_schedule_is_decided_anew_for_a_sequence_of_any_length(steps: int) -> None:
    net, twin = chain(), chain()
    _, schedule = snn.unroll(net, inputs(), explain=True)
    xs = torch.rand(steps, 3, 2, 3, dtype=torch.float64) * 4
    for part, expected in zip(snn.unroll(net, xs, schedule=schedule), snn.unroll(twin, xs), strict=True):
        assert torch.equal(part, expected)
