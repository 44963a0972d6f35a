"""The ways to call a neuron: states passed by position or name, kept, or returned."""

from __future__ import annotations

from typing import Any

import pytest
import snntorch as peer
import torch
from torch import Tensor, nn

import snn_core as ours

from .cases import KINDS, Case, Kind
from .comparison import assert_close, draw, outcome
from .exclusions import SHARED

NAMES = {
    "Leaky": ("mem",),
    "RLeaky": ("spk", "mem"),
    "Synaptic": ("syn", "mem"),
    "RSynaptic": ("spk", "syn", "mem"),
    "Lapicque": ("mem",),
    "Alpha": ("syn_exc", "syn_inh", "mem"),
    "SLSTM": ("syn", "mem"),
    "SConv2dLSTM": ("syn", "mem"),
}
RETURNED = {name: names[1:] if names[0] == "spk" else names for name, names in NAMES.items()}
STEPPING = [kind for kind in KINDS if kind.neuron in NAMES]


def first(kind: Kind) -> Case:
    return next(case for case in SHARED if case.kind is kind)


def pair(kind: Kind, **options: Any) -> tuple[nn.Module, nn.Module]:
    peer_neuron, neuron = (first(kind).build(package, **options) for package in (peer, ours))
    neuron.load_state_dict(peer_neuron.state_dict(), strict=True)
    return neuron, peer_neuron


def assert_equal(left: Any, right: Any, names: tuple[str, ...]) -> None:
    assert isinstance(left, tuple) == isinstance(right, tuple)
    left, right = (out if isinstance(out, tuple) else (out,) for out in (left, right))
    assert len(left) == len(right) <= 1 + len(names)
    for name, result, expected in zip(("spikes", *names), left, right, strict=False):
        assert_close(result, expected, 1e-5, name)


@pytest.mark.parametrize("output", [False, True], ids=["spikes", "output"])
@pytest.mark.parametrize("kind", STEPPING, ids=str)
def test_a_neuron_that_keeps_its_state_returns_what_the_peers_returns(kind: Kind, output: bool) -> None:
    neuron, peer_neuron = pair(kind, init_hidden=True, output=output)
    for x in draw(first(kind), 0).xs:
        left, right = neuron(x), peer_neuron(x)
        assert_equal(left, right, RETURNED[kind.neuron])
        for name in NAMES[kind.neuron]:
            assert_close(getattr(neuron, name), getattr(peer_neuron, name), 1e-5, name)


@pytest.mark.parametrize("kind", STEPPING, ids=str)
def test_output_changes_nothing_where_the_states_are_passed(kind: Kind) -> None:
    start = draw(first(kind), 1)
    result, expected = (outcome(kind, neuron, start, grad=False) for neuron in pair(kind, output=True))
    assert_close(result.spk, expected.spk, 0, "spikes")
    for left, right in zip(result.states, expected.states, strict=True):
        assert_close(left, right, 1e-5, "state")


@pytest.mark.parametrize("kind", STEPPING, ids=str)
def test_states_are_passed_by_the_peers_names(kind: Kind) -> None:
    start = draw(first(kind), 1)
    named = dict(zip(NAMES[kind.neuron], start.states, strict=True))
    neuron, peer_neuron = pair(kind)
    assert_equal(neuron(start.xs[0], **named), peer_neuron(start.xs[0], **named), RETURNED[kind.neuron])


@pytest.mark.parametrize("kind", STEPPING, ids=str)
def test_the_result_of_a_reset_is_rest_in_the_next_call(kind: Kind) -> None:
    x = draw(first(kind), 0).xs[0]
    own, peer_neuron = pair(kind)
    result = []
    for neuron in (own, peer_neuron):
        states = neuron.reset_mem()
        result.append(neuron(x, *((states,) if isinstance(states, Tensor) else states)))
    assert_equal(*result, RETURNED[kind.neuron])
    own.reset_mem()
    assert_equal(result[0], own(x), RETURNED[kind.neuron])


@pytest.mark.parametrize("kind", STEPPING, ids=str)
def test_passing_a_state_to_a_neuron_that_keeps_its_own_is_a_type_error(kind: Kind) -> None:
    start = draw(first(kind), 1)
    for neuron in pair(kind, init_hidden=True):
        with pytest.raises(TypeError):
            neuron(start.xs[0], *start.states)


def test_a_delta_neuron_takes_and_returns_its_state_as_one_tuple() -> None:
    kind = KINDS[-1]
    for start in (draw(first(kind), 0), draw(first(kind), 1)):
        states = start.states or (torch.zeros(kind.shape), torch.zeros(kind.shape))
        for x in start.xs[:3]:
            neuron, peer_neuron = pair(kind)
            (left, left_states), (right, right_states) = neuron(x, tuple(states)), peer_neuron(x, tuple(states))
            assert torch.equal(left, right)
            assert_equal((left, *left_states), (right, *right_states), ("mem", "mem_prev"))
            states = right_states


def test_a_delta_neuron_that_keeps_its_state_gives_the_peers_numbers() -> None:
    kind = KINDS[-1]
    neuron, peer_neuron = pair(kind, init_hidden=True, output=True)
    for x in draw(first(kind), 0).xs:
        (left, left_states), (right, right_states) = neuron(x), peer_neuron(x)
        assert torch.equal(left, right)
        assert_equal((left, *left_states), (right, *right_states), ("mem", "mem_prev"))
