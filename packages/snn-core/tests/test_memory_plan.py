"""``unroll(net, xs, memory=...)`` fits into its budget by a chunk that it finds before, unseen."""

from __future__ import annotations

import gc
import random
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.sequence import memory_plan

from .budget_nets import OPTIONS, example, leaky
from .peak import measured


def budgeted(share: float) -> tuple[Any, Tensor, int]:
    """A net, an input, and a budget between what the best chunk and what all steps at once take."""
    net, xs = example("Leaky", steps=60, batch=3, width=16)
    plan = snn.plan_memory(net, xs)
    assert plan.least_bytes is not None
    return net, xs, int(plan.least_bytes + share * (plan.whole_bytes - plan.least_bytes))


def outcome(net: Any, xs: Tensor, **options: Any) -> list[Tensor]:
    net.zero_grad()
    out = snn.unroll(net, xs, **options)
    out.square().sum().backward()
    return [out, net[1].mem, *(p.grad.clone() for p in net.parameters())]


@pytest.mark.exhaustive
@pytest.mark.parametrize("share", [0, 0.3, 0.8, 1.1])
def test_outputs_states_and_gradients_are_those_of_the_chunk_bit_for_bit(share: float) -> None:
    net, xs, memory = budgeted(share)
    _, plan = snn.unroll(net, xs, memory=memory, explain=True)
    assert (plan.memory.chunk is None) == (share > 1)
    assert str(plan.memory) in str(plan)
    planned, chunked = outcome(net, xs, memory=memory), outcome(net, xs, chunk=plan.memory.chunk)
    assert all(torch.equal(p, c) for p, c in zip(planned, chunked, strict=True))


def test_a_larger_chunk_would_not_fit() -> None:
    net, xs, memory = budgeted(0.4)
    chunk = snn.plan_memory(net, xs, memory).chunk
    assert measured(net, xs, chunk=chunk) <= memory
    larger = next(-(-60 // count) for count in range(59, 0, -1) if -(-60 // count) > chunk)
    assert measured(net, xs, chunk=larger) > memory


def test_the_minimum_that_an_error_names_is_enough_and_a_byte_less_is_not() -> None:
    net, xs, _ = budgeted(0)
    message = r"memory=9 bytes is too little for 60 steps .* fewer samples .* truncate=True"
    with pytest.raises(ValueError, match=message) as no:
        snn.unroll(net, xs, memory=9)
    least = int(str(no.value).partition("at least ")[2].partition(" ")[0])
    plan = snn.plan_memory(net, xs, least)
    assert plan.predicted_bytes == plan.least_bytes == least
    assert f"(chunk={plan.chunk})" in str(no.value)
    with pytest.raises(ValueError, match=f"memory={least} or more"):
        snn.unroll(net, xs, memory=least - 1)


class Counting(nn.Module):
    """Draws numbers, counts its calls in an attribute and a buffer, keeps a list, and normalizes its batch."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm, self.lif = nn.Linear(5, 4), nn.BatchNorm1d(4), leaky()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.number, self.seen = 0, [0]

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.number += 1
        self.seen.append(self.number)
        x.data.mul_(0.5 + random.random())
        return self.lif(self.norm(self.linear(x)) + torch.rand(4))


@pytest.mark.parametrize("memory", [9, 2**30])
def test_planning_leaves_no_trace(memory: int) -> None:
    net, xs = Counting(), torch.rand(30, 3, 5)
    fired: list[Tensor] = []
    net.linear.weight.register_hook(fired.append)
    snn.unroll(net, xs.clone()).sum().backward()
    fired.clear()

    def trace() -> list[Any]:
        parameters = [t.clone() for p in net.parameters() for t in (p, p.grad)]
        tensors = [xs.clone(), net.lif.mem.clone(), *parameters, *(b.clone() for b in net.buffers())]
        return [tensors, net.number, list(net.seen), torch.get_rng_state(), random.getstate()]

    before, states = trace(), net.lif._kept
    try:
        snn.plan_memory(net, xs, memory)
    except ValueError:
        assert memory == 9
    after = trace()
    assert net.lif._kept is states
    assert net.lif.mem.requires_grad  # its history is there still
    assert not fired
    assert all(torch.equal(a, b) for a, b in zip(before[0], after[0], strict=True))
    assert before[1:3] == after[1:3]
    assert torch.equal(before[3], after[3])
    assert before[4] == after[4]
    if memory == 9:  # and so does a call that is refused
        with pytest.raises(ValueError, match="too little"):
            snn.unroll(net, xs, memory=9)
        assert net.lif._kept is states


def test_going_on_from_a_state_is_planned_from_that_state() -> None:
    net, xs, memory = budgeted(0.5)
    snn.unroll(net, xs)
    mem = net[1].mem.clone()
    plan = snn.plan_memory(net, xs, memory, resume=True)
    assert torch.equal(net[1].mem, mem)
    first = outcome(net, xs, resume=True, chunk=plan.chunk)
    snn.unroll(net, xs)
    assert all(torch.equal(a, b) for a, b in zip(outcome(net, xs, resume=True, memory=memory), first, strict=True))


def test_a_plan_is_made_once_until_something_changes_that_it_depends_on(monkeypatch) -> None:
    net, xs, memory = budgeted(0.5)
    plans = []
    original = memory_plan._plan
    monkeypatch.setattr(memory_plan, "_plan", lambda *args: plans.append(args) or original(*args))

    def is_new() -> bool:
        count = len(plans)
        snn.unroll(net, xs, memory=memory)
        return len(plans) > count

    assert [is_new(), is_new()] == [True, False]
    with torch.no_grad():
        net[0].weight.mul_(0.5)
        net[1].beta.fill_(0.5)
    assert not is_new()
    for change in (
        lambda: setattr(net[1], "state_quant", lambda state: state),
        lambda: setattr(net[1], "reset_mechanism", "zero"),
        lambda: setattr(net[0], "bias", None),
        lambda: net[0].weight.requires_grad_(False),
        net.eval,
        lambda: net.__setitem__(3, snn.Synaptic(alpha=0.5, **OPTIONS)),
        net.double,
    ):
        change()
        xs = xs.to(net[0].weight.dtype)
        memory = 2**40
        assert is_new(), change
        assert not is_new()


class Own(nn.Module):
    """A net with code of its own, which may use a tensor that it does not own."""

    def __init__(self, gain: Tensor | None = None) -> None:
        super().__init__()
        self.linear, self.lif, self.gain = nn.Linear(16, 8), leaky(), gain

    def forward(self, x: Tensor) -> Tensor:
        h = self.linear(x)
        return self.lif(h if self.gain is None else h * self.gain)


def test_a_plan_for_a_net_with_code_of_its_own_is_made_once(monkeypatch) -> None:
    plans = []
    original = memory_plan._plan
    monkeypatch.setattr(memory_plan, "_plan", lambda *args: plans.append(args) or original(*args))
    net, xs = Own(), torch.rand(40, 3, 16)
    for _ in range(3):
        snn.unroll(net, xs, memory=2**30)
    assert len(plans) == 1


@pytest.mark.parametrize("computed", [False, True])
def test_tensors_that_a_net_holds_get_their_gradients(computed: bool) -> None:
    torch.manual_seed(0)
    leaf = torch.rand(8, requires_grad=True)
    net, xs = Own(), torch.rand(40, 3, 16)
    gradients = []
    for memory in (None, snn.plan_memory(net, xs).least_bytes * 2):
        net.gain = leaf.exp() if computed else leaf
        out, how = snn.unroll(net, xs, memory=memory, explain=True)
        assert (how.kind, how.memory is None) == ("layers", memory is None)
        gradients.append(torch.autograd.grad(out.square().sum(), [leaf, *net.parameters()]))
    assert gradients[0][0].any()
    torch.testing.assert_close(*gradients)


def test_tensors_that_a_net_computes_anew_for_each_call_are_not_kept() -> None:
    net, xs, leaf = Own(), torch.rand(40, 3, 16), torch.rand(8, requires_grad=True)
    computed = []
    for _ in range(3):
        net.gain = leaf.exp()
        computed.append(weakref.ref(net.gain))
        snn.unroll(net, xs)
    net.gain = None
    snn.utils.reset(net)
    gc.collect()
    assert [tensor() for tensor in computed] == [None] * 3


class Sums(nn.Module):
    """A net with a function that is not known to act on each sample alone, but does."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.linear, self.lif, self.axis = nn.Linear(16, 8), leaky(), axis

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(torch.cumsum(self.linear(x), self.axis))


def test_layers_that_are_asserted_are_planned_for_and_run() -> None:
    xs, options = torch.rand(40, 3, 16), {"schedule": "layers", "memory": 2**30}
    _, how = snn.unroll(Sums(1), xs, explain=True, **options)
    assert how.kind == "layers"
    assert how.memory is not None
    for call in (snn.unroll, snn.plan_memory):
        with pytest.raises(ValueError, match="schedule='layers' cannot run this net"):
            call(Sums(0), xs, **options)


class Squashed:
    """A function that computes one thing over and over, each time into a new tensor that is stored."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = x.sigmoid()
        return x


def test_an_option_at_the_address_of_another_is_planned_for_again() -> None:
    net, xs = nn.Sequential(nn.Linear(4, 3), snn.Leaky(0.9, init_hidden=True)), torch.rand(20, 2, 4)
    net[1].state_quant = Squashed(1)
    before = snn.plan_memory(net, xs).whole_bytes
    for _ in range(3):
        address, others = id(net[1].state_quant), []
        net[1].state_quant = False
        while not others or (id(others[-1]) != address and len(others) < 100):
            others.append(Squashed(9))
        net[1].state_quant = others[-1]
        assert snn.plan_memory(net, xs).whole_bytes > before
        net[1].state_quant = Squashed(1)


def test_a_plan_does_not_keep_its_net() -> None:
    net, xs, memory = budgeted(0.5)
    snn.plan_memory(net, xs, memory)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_nothing_is_planned_without_a_gradient(monkeypatch) -> None:
    net, xs, _ = budgeted(0)
    monkeypatch.setattr("snn_core.sequence.unrolling.planned", None)
    with torch.no_grad():
        out, plan = snn.unroll(net, xs, memory=1, explain=True)
    assert plan.memory is None
    assert torch.equal(out, snn.unroll(net, xs))
    net.requires_grad_(False)
    assert torch.equal(out, snn.unroll(net, xs, memory=1))
    with pytest.raises(ValueError, match="nothing requires a gradient"):
        snn.plan_memory(net, xs, 1)


@pytest.mark.parametrize("steps", [1, 2, 5, 8])
def test_few_steps_are_planned_too(steps: int) -> None:
    net, xs = example("Leaky", steps, batch=2, width=3)
    plan = snn.plan_memory(net, xs)
    assert (plan.chunk, plan.steps) == (None, steps)
    assert plan.whole_bytes == measured(net, xs)
    assert torch.equal(snn.unroll(net, xs, memory=plan.whole_bytes), snn.unroll(net, xs))


def test_an_empty_batch_takes_what_the_gradients_take() -> None:
    net, xs = example("Leaky", steps=20, batch=0, width=5)
    assert snn.plan_memory(net, xs).whole_bytes == pytest.approx(measured(net, xs), rel=0.15)
