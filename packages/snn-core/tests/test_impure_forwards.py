"""Forwards of sample-wise code with one impurity: ``unroll`` leaves everything as the loop leaves it, or refuses."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import snn_core as snn

from .impure import KINDS, PARTS, build_net, check, loop, outcome, ragged_loop, same, world_at_start

nets = st.tuples(
    st.lists(st.sampled_from(sorted(PARTS)), max_size=3).map(tuple),
    st.sampled_from(sorted(KINDS)),
    st.booleans(),
    st.integers(1, 9),
    st.integers(1, 4),
)


@st.composite
def ragged(draw: Any) -> Any:
    """A net, and how many steps each of its samples has."""
    case = draw(nets)
    steps, batch = case[-2:]
    return case, draw(st.lists(st.integers(0, steps), min_size=batch, max_size=batch))


# what cannot be put back while a part of the sequence runs again: it lies outside of the net, or cannot be copied
OUTSIDE = {"a global", "a global count", "a default", "a global list", "in place on what is older", "a parameter"}
OUTSIDE |= {"a variable of the context", "a queue", "a generator function", "a value of the thread"}
OUTSIDE |= {"a static method", "a function of a global module"}
OUTSIDE |= {f"an attribute of a {owner}" for owner in ("function", "class", "parameter")}
COPIED_BY_SOME = {"a cycle"}  # by Python before 3.14
put_back = nets.filter(lambda case: case[1] not in OUTSIDE | COPIED_BY_SOME)


def unrolled(**options: Any) -> Callable[..., Any]:
    return lambda net, xs: snn.unroll(net, xs, **options)


def looped(lengths: Sequence[int]) -> Callable[..., Any]:
    return lambda net, xs: ragged_loop(net, xs, lengths)


both_modes = pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
every_kind = pytest.mark.parametrize("impurity", KINDS)


@pytest.mark.exhaustive
@both_modes
@every_kind
def test_each_impurity_leaves_what_the_loop_leaves(impurity: str, training: bool) -> None:
    check(("view", "residual"), impurity, training, 7, 3, snn.unroll)


@both_modes
@every_kind
def test_each_impurity_leaves_what_the_loop_of_those_that_run_leaves(impurity: str, training: bool) -> None:
    lengths = [4, 0, 7, 6]
    check(("view", "residual"), impurity, training, 7, 4, unrolled(lengths=lengths), looped(lengths))


@pytest.mark.parametrize("part", PARTS)
def test_operations_on_single_samples_run_layer_by_layer(part: str) -> None:
    net = build_net((part,), "none", training=False)
    plan = snn.backends.explain(net, torch.rand(7, 3, 5, dtype=torch.float64))
    assert plan.kind == "layers", plan.reason
    check((part,), "none", False, 7, 3, snn.unroll)


# the laws over any mixture: 3,000 nets in all, in both modes, each run twice and compared each time
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
        return concatenated(snn.unroll(net, xs[:cut]), snn.unroll(net, xs[cut:], resume=True))

    check(*case, run)


@pytest.mark.exhaustive
@settings(max_examples=700, deadline=None)
@given(ragged(), st.sampled_from(["auto", "auto", "steps"]))
def test_any_mixture_leaves_what_the_loop_of_those_that_run_leaves(case: Any, schedule: str) -> None:
    net, lengths = case
    check(*net, unrolled(lengths=lengths, schedule=schedule), looped(lengths))


@pytest.mark.exhaustive
@settings(max_examples=250, deadline=None)
@given(ragged(), st.integers(1, 8))
def test_a_sequence_of_unequal_samples_cut_in_two_leaves_what_the_loop_leaves(case: Any, cut: int) -> None:
    net, lengths = case
    begun, left = [min(length, cut) for length in lengths], [max(length - cut, 0) for length in lengths]

    def run(net: Any, xs: Tensor) -> Any:
        if cut >= len(xs):
            return snn.unroll(net, xs, lengths=lengths)
        first = snn.unroll(net, xs[:cut], lengths=begun)
        return concatenated(first, snn.unroll(net, xs[cut:], lengths=left, resume=True))

    def by_hand(net: Any, xs: Tensor) -> Any:
        if cut >= len(xs):
            return ragged_loop(net, xs, lengths)
        return concatenated(ragged_loop(net, xs[:cut], begun), ragged_loop(net, xs[cut:], left, resume=True))

    check(*net, run, by_hand)


def concatenated(*parts: Any) -> Any:
    return tuple(map(torch.cat, zip(*parts, strict=True)))


@pytest.mark.parametrize("impurity", [kind for kind in KINDS if kind not in COPIED_BY_SOME])
def test_chunks_leave_what_the_loop_leaves_or_refuse_by_name(impurity: str) -> None:
    if impurity not in OUTSIDE:
        check(("residual",), impurity, True, 7, 3, unrolled(chunk=3))
        return
    net = build_net(("residual",), impurity, True)
    with pytest.raises(ValueError, match=r"chunk= runs a part .* Net changes .* which cannot be restored"):
        unrolled(chunk=3)(net, torch.rand(7, 3, 5, dtype=torch.float64))
    outcome(net, torch.rand(7, 3, 5, dtype=torch.float64), snn.unroll)


@pytest.mark.exhaustive
@settings(max_examples=500, deadline=None)
@given(put_back, st.integers(1, 8))
def test_chunks_of_any_size_leave_what_the_loop_leaves(case: Any, chunk: int) -> None:
    check(*case, unrolled(chunk=chunk))


@pytest.mark.exhaustive
@settings(max_examples=250, deadline=None)
@given(ragged().filter(lambda case: case[0][1] not in OUTSIDE | COPIED_BY_SOME), st.integers(1, 8))
def test_chunks_of_unequal_samples_leave_what_the_loop_leaves(case: Any, chunk: int) -> None:
    net, lengths = case
    check(*net, unrolled(lengths=lengths, chunk=chunk), looped(lengths))


def test_a_net_is_copied_and_explained_without_a_trace() -> None:
    for impurity in KINDS:
        if "global" in impurity or "context" in impurity or impurity == "a default":
            continue  # of which there is one for all copies
        net = build_net(("relu",), impurity, training=True)
        twin = build_net(("relu",), impurity, training=True)
        xs = torch.rand(6, 3, 5, dtype=torch.float64)
        world_at_start()
        numbers = random.getstate(), torch.get_rng_state()
        snn.backends.explain(net, xs)
        assert random.getstate() == numbers[0], impurity
        assert torch.equal(torch.get_rng_state(), numbers[1]), impurity
        same(outcome(net, xs, loop), outcome(twin, xs, loop))
