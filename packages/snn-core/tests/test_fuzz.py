"""Any order of calls, resets, copies, files, moves and training steps leaves a net as its equations say.

Hypothesis draws a neuron, its options and a life for it, and after every event compares outputs, states and gradients
with those of ``shadow``. ``SNN_FUZZ_SECONDS`` makes it go on with new lives for so long.
"""

from __future__ import annotations

import copy
import io
import os
import pickle
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from torch import nn

import snn_core as snn

from . import shadow
from .beside_shadow import BesideShadow
from .zoo import NEURONS, Case, coarse

pytestmark = pytest.mark.exhaustive

SECONDS = float(os.environ.get("SNN_FUZZ_SECONDS", "0"))

seeds = st.integers(0, 2**31 - 1)
lengths_of_time = st.integers(1, 5)
OPTIONS = {
    "reset_mechanism": st.sampled_from(["subtract", "zero", "none"]),
    "reset_delay": st.booleans(),
    "inhibition": st.booleans(),
    "state_quant": st.sampled_from([False, coarse]),
    "learn_threshold": st.booleans(),
    "graded_spikes_factor": st.sampled_from([1.0, 0.5]),
    "learn_graded_spikes_factor": st.booleans(),
}


def pickled(net: nn.Module) -> nn.Module:
    return pickle.loads(pickle.dumps(net))


def saved(net: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


class Life(RuleBasedStateMachine, BesideShadow):
    """The events that may happen to a net, in any order."""

    kind: ClassVar[Case]

    @initialize(options=st.fixed_dictionaries(OPTIONS), output=st.booleans())
    def born(self, options: dict[str, Any], output: bool) -> None:
        self.build(self.kind, options | {"output": output, "init_hidden": True})
        self.bystander = self.kind.make(**self.options)
        self.bystander(self.draw_input(0, 1)[0])
        self.others = self.kept_states(self.bystander)

    @rule(seed=seeds, learn=st.booleans())
    def call(self, seed: int, learn: bool) -> None:
        xs = self.draw_input(seed, 1).requires_grad_()
        out = self.net(xs[0])
        self.compared((out[0] if self.neuron.output else out)[None], xs, learn)

    @rule(
        seed=seeds,
        num_steps=lengths_of_time,
        resume=st.booleans(),
        schedule=st.sampled_from(["auto", "steps"]),
        learn=st.booleans(),
    )
    def unroll(self, seed: int, num_steps: int, resume: bool, schedule: str, learn: bool) -> None:
        xs = self.draw_input(seed, num_steps).requires_grad_()
        if not resume:
            self.begin(None)
        self.compared(self.unrolled(xs, resume=resume, schedule=schedule), xs, learn)

    @rule(seed=seeds, num_steps=lengths_of_time, resume=st.booleans(), chunk=st.integers(1, 3), learn=st.booleans())
    def unroll_in_chunks(self, seed: int, num_steps: int, resume: bool, chunk: int, learn: bool) -> None:
        xs = self.draw_input(seed, num_steps).requires_grad_()
        if not resume:
            self.begin(None)
        self.compared(self.unrolled(xs, resume=resume, chunk=chunk), xs, learn)

    @rule(seed=seeds, resume=st.booleans(), data=st.data(), learn=st.booleans())
    def unroll_unequal(self, seed: int, resume: bool, data: st.DataObject, learn: bool) -> None:
        lengths = data.draw(st.lists(st.integers(0, 4), min_size=self.batch, max_size=self.batch))
        xs = self.draw_input(seed, 4).requires_grad_()
        if not resume:
            self.begin(None)
        running = torch.arange(4).unsqueeze(1) < torch.tensor(lengths, dtype=torch.int64)
        self.compared(self.unrolled(xs, resume=resume, lengths=lengths), xs, learn, running)

    @rule()
    def reset(self) -> None:
        snn.utils.reset(self.net)
        self.begin(None)

    @rule()
    def detach(self) -> None:
        snn.utils.detach(self.net)
        self.begin(self.states)

    @rule(duplicate=st.sampled_from([copy.deepcopy, pickled, saved]))
    def go_on_as_a_copy(self, duplicate: Callable[[nn.Module], nn.Module]) -> None:
        self.net = duplicate(self.net)
        self.begin(self.states)

    @rule()
    def go_on_from_a_state_dict(self) -> None:
        other = nn.Sequential(self.case.make(**self.options).to(self.dtype))
        other.load_state_dict(self.net.state_dict())
        self.net = other
        self.begin(None)

    # levels and winners make a difference of rounding large
    @precondition(lambda self: not self.options["state_quant"] and not self.options["inhibition"])
    @rule(dtype=st.sampled_from([torch.float64, torch.float32]))
    def move(self, dtype: torch.dtype) -> None:
        snn.utils.detach(self.net)
        self.net.to(dtype)
        self.dtype = dtype
        self.begin(None if self.states is None else tuple(s.to(dtype) for s in self.states))

    @rule(training=st.booleans())
    def train_or_evaluate(self, training: bool) -> None:
        self.net.train(training)

    @rule(name=OPTIONS["reset_mechanism"])
    def set_the_reset(self, name: str) -> None:
        self.neuron.reset_mechanism = name

    @precondition(lambda self: self.states is not None)
    @rule(seed=seeds, more=st.integers(1, 2))
    def another_batch_is_refused(self, seed: int, more: int) -> None:
        with pytest.raises(ValueError, match=r"utils\.reset"):
            self.net(self.draw_input(seed, 1, self.batch + more)[0])

    @rule(batch=st.integers(0, 4))
    def another_batch_after_a_reset(self, batch: int) -> None:
        self.reset()
        self.batch = batch

    @rule(seed=seeds, num_steps=lengths_of_time)
    def evaluate_from_rest(self, seed: int, num_steps: int) -> None:
        xs = self.draw_input(seed, num_steps)
        self.begin(None)
        with torch.inference_mode():
            self.close(self.unrolled(xs).clone(), self.follow(xs)[0])
        self.reset()

    @rule(seed=seeds, num_steps=lengths_of_time)
    def pass_states_in_and_out(self, seed: int, num_steps: int) -> None:
        xs = self.draw_input(seed, num_steps)
        arguments = None if self.states is None else self.neuron.State._make(s.detach() for s in self.states)
        spk, last = self.neuron.unroll(xs, arguments)
        expected, states = self.follow(xs)
        self.close(spk, expected)
        self.close(tuple(last), states)

    @rule()
    def train(self) -> None:
        self.learn()

    @invariant()
    def it_keeps_what_the_shadow_does(self) -> None:
        states = self.kept_states(self.neuron)
        if self.states is None:
            assert all(state.shape == (0,) for state in states)
        else:
            self.close(states, self.states)

    @invariant()
    def no_state_is_a_buffer(self) -> None:
        assert not {name for name, _ in self.neuron.named_buffers()} & set(type(self.neuron).State._fields)

    @invariant()
    def no_other_net_is_touched(self) -> None:
        assert all(torch.equal(a, b) for a, b in zip(self.kept_states(self.bystander), self.others, strict=True))


def examples(count: int, **options: Any) -> settings:
    return settings(max_examples=count, stateful_step_count=20, suppress_health_check=list(HealthCheck), **options)


@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_a_net_lives_as_its_shadow_does(case: Case) -> None:
    class LifeOfOne(Life):
        kind = case

    run_state_machine_as_test(LifeOfOne, settings=examples(40))
    end = time.monotonic() + SECONDS / len(NEURONS)
    while time.monotonic() < end:
        run_state_machine_as_test(LifeOfOne, settings=examples(100, derandomize=False, print_blob=True))


def test_every_shadow_is_of_a_neuron_of_the_zoo() -> None:
    assert set(shadow.EQUATIONS) <= {type(case.make()).__name__ for case in NEURONS}
