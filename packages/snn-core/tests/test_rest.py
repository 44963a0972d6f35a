"""A first step without a state gives the numbers of one from zeros, but no spike came before it, and none resets it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import surrogate
from snn_core.neuron.makeup import with_constants

from .stepped_programs import stepped
from .zoo import NEURONS, VARIANTS, Case, close, gradients, step_loop


def exactly(left: object, right: object) -> None:
    torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("threshold", [None, 0.0, 0.5, -0.5])
@pytest.mark.parametrize("case", VARIANTS, ids=str)
def test_no_state_is_a_state_of_zeros(case: Case, threshold: float | None) -> None:
    options = {} if threshold is None else {"threshold": threshold}
    if case.make().reads_spikes:  # the spikes that a state of zeros stands for have a gradient
        options["spike_grad"] = surrogate.no_gradient()
    results = []
    for from_zeros in (False, True):
        neuron = case.make(**options)
        x = case.input(1)[0].requires_grad_()
        state = None
        if from_zeros:
            after = neuron.step(x.detach())[1]
            state = after._make(torch.zeros_like(s) for s in after)
        spk, state = neuron.step(x, state)
        results.append((spk, *state, *gradients([spk, *state], [x, *neuron.parameters()])))
    exactly(results[0], results[1])


def everything_learns(neuron: snn.SpikingNeuron) -> dict[str, Tensor]:
    """Every constant of a neuron and of its parts, as a parameter."""
    for part in neuron.modules():
        for name, buffer in list(part.named_buffers(recurse=False)):
            if buffer.is_floating_point():
                delattr(part, name)
                setattr(part, name, torch.nn.Parameter(buffer))
    return {n: p for n, p in neuron.named_parameters() if n != "graded_spikes_factor"}


def rest(neuron: snn.SpikingNeuron, kind: str) -> Any:
    fields = {"Nones": None, "empty": torch.empty(0, dtype=torch.float64)}
    return None if kind == "none" else neuron.State._make([fields[kind]] * len(neuron.State._fields))


@pytest.mark.parametrize("kind", ["none", "Nones", "empty", "sequence"])
@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_states_after_the_first_step_have_the_gradients_of_finite_differences(case: Case, kind: str) -> None:
    neuron, x = case.make(), case.input(1)[0].requires_grad_()
    constants = everything_learns(neuron)
    spikes = [n for n in neuron.State._fields if n.startswith("spk") or n in ("fed", "wait")]

    def states(x: Tensor, *values: Tensor) -> Any:
        twin = with_constants(neuron, dict(zip(constants, values, strict=True)))
        if kind == "sequence":
            _, state = twin.unroll(x[None])
        else:
            _, state = twin.step(x, rest(neuron, kind))
        return tuple(s for n, s in state._asdict().items() if n not in spikes)

    torch.autograd.gradcheck(states, (x, *constants.values()), fast_mode=True)


@pytest.mark.parametrize("run", [lambda n, x: n.step(x), lambda n, x: n.unroll(x[None])], ids=["step", "sequence"])
def test_a_threshold_learns_from_the_one_spike_of_the_first_step(run: Any) -> None:
    neuron = snn.TCLIF(spike_grad=surrogate.atan(2.0), learn_threshold=True)
    spk, state = run(neuron, torch.full((1, 1), 3.0))  # the soma is at sigmoid(0) * 3, by 1/2 above the threshold
    (gradient,) = torch.autograd.grad(2 * spk.sum() + state.mem.sum() + state.dendrite.sum(), neuron.threshold)
    assert gradient.item() == pytest.approx(-2 / (1 + (math.pi / 2) ** 2))


def loop_of_emitted_spikes(neuron: Any, xs: Tensor) -> Any:
    """A loop in which the equation reads the very spikes that were emitted, after a constant of zeros."""
    spikes = [torch.zeros_like(xs[0])]
    state = neuron.State._make([torch.zeros_like(xs[0])] * len(neuron.State._fields))
    neuron.last_spikes = lambda _: spikes[-1]
    for x in xs:
        spk, state, _ = neuron.advance(x, state, None)
        spikes.append(spk)
    del neuron.last_spikes
    return torch.stack(spikes[1:]), state


def in_parts(neuron: Any, xs: Tensor) -> Any:
    spikes, state = [], None
    for part in xs.split([1, 1, 3, 2]):
        spk, state = neuron.unroll(part, state)
        spikes.append(spk)
    return torch.cat(spikes), state


def by_programs(neuron: Any, xs: Tensor) -> Any:
    with stepped():
        return neuron.unroll(xs)


RUNS = {
    "steps": step_loop,
    "sequence": lambda neuron, xs: neuron.unroll(xs),
    "parts": in_parts,
    "programs": by_programs,
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("case", [case for case in VARIANTS if case.make().reads_spikes], ids=str)
def test_spikes_that_are_computed_from_a_state_are_those_that_were_emitted(case: Case, run: Any) -> None:
    neuron, xs = case.make(), case.input().requires_grad_()
    inputs = [xs, *everything_learns(neuron).values()]
    expected, last = loop_of_emitted_spikes(neuron, xs)
    spk, state = run(neuron, xs)
    exactly(spk, expected)
    close(tuple(state), tuple(last))
    close(gradients([spk, *state], inputs), gradients([expected, *last], inputs))


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_a_user_sees_every_reset_of_a_neuron_that_defines_it(reset: str) -> None:
    resets = []

    class Watched(snn.Leaky):
        def subtract(self, state, amount):
            resets.append(amount)
            return super().subtract(state, amount)

        def clear(self, state, fired):
            resets.append(fired)
            return super().clear(state, fired)

    Watched(beta=0.5, reset_mechanism=reset).step(torch.ones(1, 2))
    assert [signal.tolist() for signal in resets] == [[[0.0, 0.0]]]


def test_a_membrane_above_the_threshold_at_rest_is_reset() -> None:
    class Raised(snn.Leaky):
        def membrane(self, state):
            return state.mem + 2.5

    spk, state = Raised(beta=0.5).step(torch.zeros(1, 1))
    assert (spk.item(), state.mem.item()) == (1.0, -1.0)
