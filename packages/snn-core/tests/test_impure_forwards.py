"""Forwards of sample-wise code with one impurity: ``unroll`` leaves everything as the loop leaves it, or refuses."""

from __future__ import annotations

import collections
import itertools
import random
import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

import snn_core as snn

from .zoo import close

WORLD: dict[str, Any] = {"calls": 0, "seen": []}
COUNTS = itertools.count()


class Holder:
    """An object of a user's."""

    def __init__(self) -> None:
        self.calls = 0


class Net(nn.Module):
    """Two neurons, and between them what is asked for."""

    def __init__(self, parts: tuple[str, ...], impurity: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 4), nn.Linear(4, 4)
        self.norm, self.drop = nn.BatchNorm1d(4), nn.Dropout(0.3)
        self.a = snn.Leaky(beta=0.8, threshold=0.3, init_hidden=True)
        self.b = snn.Synaptic(alpha=0.6, beta=0.7, threshold=0.4, init_hidden=True, output=True)
        self.feedback = nn.Linear(4, 4)
        self.register_buffer("number", torch.zeros(()))
        self.calls = 0
        self.nested = {"counts": [0, {"calls": 0}], "seen": []}
        self.space = types.SimpleNamespace(calls=0, inner=Holder())
        self.queue = collections.deque([0], maxlen=3)
        self.numbers = itertools.count()
        self.rng = random.Random(3)
        self.generator = torch.Generator().manual_seed(3)
        self.parts, self.impurity = parts, impurity
        self.to(dtype)

    def between(self, h: Tensor) -> Tensor:
        for part in self.parts:
            h = PARTS[part](self, h)
        return h

    def forward(self, x: Tensor) -> Any:
        h = IMPURITIES[self.impurity](self, self.between(self.first(x)))
        spk, syn, mem = self.b(self.second(self.a(h)))
        return spk, mem


PARTS: dict[str, Callable[[Net, Tensor], Tensor]] = {
    "relu": lambda net, h: torch.relu(h) + 0.1,
    "in place on what is new": lambda net, h: (h * 1.0).add_(0.25),
    "residual": lambda net, h: h + net.second(h),
    "cat and cut": lambda net, h: torch.cat([h, -h], dim=1)[:, 2:6],
    "view": lambda net, h: h.view(h.size(0), 2, 2).flatten(1),
    "norm": lambda net, h: net.norm(h),
    "dropout": lambda net, h: net.drop(h),
    "softmax": lambda net, h: 2 * functional.softmax(h, dim=-1),
    "mean of features": lambda net, h: h - h.mean(1, keepdim=True),
    "a constant": lambda net, h: h + torch.arange(4.0, dtype=h.dtype) / 8,
    "no gradient": lambda net, h: h + _constant(h),
    "where": lambda net, h: torch.where(h > 0, h, 0.5 * h),
}


def _constant(h: Tensor) -> Tensor:
    with torch.no_grad():
        return 0.5 * h.sigmoid()


def _count(get: Callable[[Net], Any], name: str | int) -> Callable[[Net, Tensor], Tensor]:
    def impurity(net: Net, h: Tensor) -> Tensor:
        owner = get(net)
        if isinstance(owner, dict | list | collections.deque):
            owner[name] += 1
            return h * (1 + 0.1 * owner[name])
        setattr(owner, name, getattr(owner, name) + 1)
        return h * (1 + 0.1 * getattr(owner, name))

    return impurity


def _default(net: Net, h: Tensor, calls: list[int] = [0]) -> Tensor:  # noqa: B006
    calls[0] += 1
    return h * (1 + 0.1 * (calls[0] % 5))


def _feeds_back(net: Net, h: Tensor) -> Tensor:
    return h + net.feedback(net.a.mem) if net.a.mem.numel() else h


def _clamps(net: Net, h: Tensor) -> Tensor:
    if net.a.mem.numel():
        net.a.mem = net.a.mem.clamp(max=0.2)
    return h


def _detaches(net: Net, h: Tensor) -> Tensor:
    snn.utils.detach(net)
    return h


def _appends(net: Net, h: Tensor) -> Tensor:
    net.nested["seen"].append(h.detach())
    return h


def _appends_outside(net: Net, h: Tensor) -> Tensor:
    WORLD["seen"].append(h.detach())
    return h


def _keeps(net: Net, h: Tensor) -> Tensor:
    before, net.space.before = getattr(net.space, "before", None), h.detach()
    return h if before is None else h + 0.5 * before


def _draws(net: Net, h: Tensor) -> Tensor:
    return h * torch.rand(h.shape, generator=net.generator, dtype=h.dtype)


def _writes_data(net: Net, h: Tensor) -> Tensor:
    net.number.data.add_(1)
    return h + 0.1 * net.number


def _only_later(net: Net, h: Tensor) -> Tensor:
    net.calls += 1
    return h if net.calls < 4 else -h


IMPURITIES: dict[str, Callable[[Net, Tensor], Tensor]] = {
    "none": lambda net, h: h,
    "an attribute": _count(lambda net: net, "calls"),
    "an attribute that matters later": _only_later,
    "a nested list": _count(lambda net: net.nested["counts"], 0),
    "a nested dict": _count(lambda net: net.nested["counts"][1], "calls"),
    "a namespace": _count(lambda net: net.space, "calls"),
    "an object": _count(lambda net: net.space.inner, "calls"),
    "a deque": _count(lambda net: net.queue, 0),
    "a count": lambda net, h: h * (1 + 0.1 * next(net.numbers)),
    "a global": _count(lambda net: WORLD, "calls"),
    "a global count": lambda net, h: h * (1 + 0.1 * (next(COUNTS) % 7)),
    "a default": _default,
    "a buffer": lambda net, h: h + 0.1 * net.number.add_(1),
    "data of a buffer": _writes_data,
    "Python's generator": lambda net, h: h * random.random(),
    "torch's generator": lambda net, h: h * torch.rand((), dtype=h.dtype),
    "random numbers alike": lambda net, h: h + torch.rand_like(h),
    "a generator of Python": lambda net, h: h * net.rng.random(),
    "a generator of torch": _draws,
    "a state that is read": _feeds_back,
    "a state that is written": _clamps,
    "states detached": _detaches,
    "a value read": lambda net, h: h if h.sum() > 0 else -h,
    "a number read": lambda net, h: h / (1 + abs(h.mean().item())),
    "a test of the type": lambda net, h: h - h.mean(0) if isinstance(h, Tensor) else h,
    "samples mixed": lambda net, h: h - h.mean(0),
    "the batch size": lambda net, h: h * h.shape[0] / 3,
    "in place on what is older": lambda net, h: h + net.first.bias.detach().add_(0.01),
    "the batch in place": lambda net, h: h.mul_(2).sub_(h.mean(0)),
    "a list": _appends,
    "a global list": _appends_outside,
    "the step before": _keeps,
}


def world_at_start() -> None:
    global COUNTS
    WORLD.update(calls=0, seen=[])
    COUNTS = itertools.count()
    _default.__defaults__[0][0] = 0  # type: ignore[index]
    random.seed(5)
    torch.manual_seed(5)


def left(net: Net) -> dict[str, Any]:
    """What a run leaves: states, buffers, gradients, counters and generators."""
    return {
        "states": [s.detach() for m in (net.a, net.b) for s in m._kept],
        "buffers": [b.clone() for b in net.buffers()],
        "parameters": [p.detach().clone() for p in net.parameters()],
        "gradients": [torch.zeros_like(p) if p.grad is None else p.grad for p in net.parameters()],
        "counters": [net.calls, net.nested["counts"], net.space.calls, net.space.inner.calls, list(net.queue)],
        "more": [repr(net.numbers), WORLD["calls"], repr(COUNTS), _default.__defaults__[0][0]],  # type: ignore[index]
        "seen": [*net.nested["seen"], *WORLD["seen"]],
        "draws": [random.random(), torch.rand(()).item(), net.rng.random()],
        "own": [torch.rand((), generator=net.generator).item()],
    }


def outcome(net: Net, xs: Tensor, run: Callable[[nn.Module, Tensor], Any]) -> Any:
    world_at_start()
    out = run(net, xs)
    sum((o * torch.linspace(-1, 1, o.numel(), dtype=o.dtype).view(o.shape)).sum() for o in out).backward()
    return out, left(net)


def loop(net: nn.Module, xs: Tensor) -> Any:
    snn.utils.reset(net)
    return tuple(map(torch.stack, zip(*(net(x) for x in xs), strict=True)))


def same(got: Any, wanted: Any) -> None:
    (outputs, leavings), (expected, remains) = got, wanted
    close(outputs, expected)
    for name, value in remains.items():
        if value and isinstance(value[0], Tensor):
            assert len(leavings[name]) == len(value), name
            torch.testing.assert_close(leavings[name], value, rtol=1e-8, atol=1e-10)
        else:
            assert leavings[name] == value, name


nets = st.tuples(
    st.lists(st.sampled_from(sorted(PARTS)), max_size=3).map(tuple),
    st.sampled_from(sorted(IMPURITIES)),
    st.booleans(),
    st.integers(1, 9),
    st.integers(1, 4),
)


def made(parts: tuple[str, ...], impurity: str, training: bool) -> Net:
    torch.manual_seed(7)
    return Net(parts, impurity, torch.float64).train(training)


def check(
    parts: tuple[str, ...], impurity: str, training: bool, steps: int, batch: int, run: Callable[..., Any]
) -> None:
    """Run two nets alike, one by the loop, twice: the second time a plan may be believed."""
    net, twin = made(parts, impurity, training), made(parts, impurity, training)
    batch = max(batch, 2)  # batch statistics need two samples
    xs = torch.randn(steps, batch, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(steps))
    for _ in range(2):
        got = outcome(net, xs, run)
        same(got, outcome(twin, xs, loop))
        net.zero_grad()
        twin.zero_grad()


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("impurity", IMPURITIES)
def test_each_impurity_leaves_what_the_loop_leaves(impurity: str, training: bool) -> None:
    check(("view", "residual"), impurity, training, 7, 3, snn.unroll)


@pytest.mark.parametrize("part", PARTS)
def test_what_acts_on_each_sample_alone_runs_layer_by_layer(part: str) -> None:
    net = made((part,), "none", training=False)
    how = snn.backends.explain(net, torch.rand(7, 3, 5, dtype=torch.float64))
    assert how.kind == "layers", how.reason
    check((part,), "none", False, 7, 3, snn.unroll)


@pytest.mark.exhaustive
@settings(max_examples=1000, deadline=None)
@given(nets)
def test_any_mixture_leaves_what_the_loop_leaves(case: Any) -> None:
    check(*case, snn.unroll)


@pytest.mark.exhaustive
@settings(max_examples=300, deadline=None)
@given(nets, st.integers(1, 9))
def test_a_sequence_cut_in_two_leaves_what_the_loop_leaves(case: Any, cut: int) -> None:
    def run(net: nn.Module, xs: Tensor) -> Any:
        if cut >= len(xs):
            return snn.unroll(net, xs)
        parts = snn.unroll(net, xs[:cut]), snn.unroll(net, xs[cut:], resume=True)
        return tuple(map(torch.cat, zip(*parts, strict=True)))

    check(*case, run)


# what lies outside of a net cannot be put back while a part of the sequence runs again
OUTSIDE = {"a global", "a global count", "a default", "a global list", "in place on what is older"}


def in_chunks(chunk: int, **options: Any) -> Callable[..., Any]:
    return lambda net, xs: snn.unroll(net, xs, chunk=chunk, **options)


@pytest.mark.parametrize("impurity", IMPURITIES)
def test_chunks_leave_what_the_loop_leaves_or_refuse_by_name(impurity: str) -> None:
    if impurity not in OUTSIDE:
        check(("residual",), impurity, True, 7, 3, in_chunks(3))
        return
    net = made(("residual",), impurity, True)
    with pytest.raises(ValueError, match=r"chunk= runs a part .* Net changes .* which cannot be put back"):
        outcome(net, torch.rand(7, 3, 5, dtype=torch.float64), in_chunks(3))


@pytest.mark.exhaustive
@settings(max_examples=500, deadline=None)
@given(nets.filter(lambda case: case[1] not in OUTSIDE), st.integers(1, 8))
def test_chunks_of_any_size_leave_what_the_loop_leaves(case: Any, chunk: int) -> None:
    check(*case, in_chunks(chunk))


def test_a_net_is_copied_and_explained_without_a_trace() -> None:
    for impurity in IMPURITIES:
        if "global" in impurity or impurity == "a default":
            continue  # of which there is one for all copies
        net = made(("relu",), impurity, training=True)
        twin = made(("relu",), impurity, training=True)
        xs = torch.rand(6, 3, 5, dtype=torch.float64)
        world_at_start()
        numbers = random.getstate(), torch.get_rng_state()
        snn.backends.explain(net, xs)
        assert random.getstate() == numbers[0], impurity
        assert torch.equal(torch.get_rng_state(), numbers[1]), impurity
        same(outcome(net, xs, loop), outcome(twin, xs, loop))
