"""The rules of snnTorch that can be switched on, beside snnTorch."""

from __future__ import annotations

import pytest

import snn_core as ours

from .cases import CASES, Case
from .comparison import accepted, assert_same
from .exclusions import reasons

DROPPED = "the peer's zero reset drops the input of its step"
ZERO = [case for case in CASES if [reason.reason for reason in reasons(case)] == [DROPPED]]


def test_every_kind_of_neuron_whose_input_is_dropped_is_compared() -> None:
    assert {case.kind.neuron for case in ZERO} == {"RLeaky", "Synaptic", "RSynaptic", "Lapicque"}


@pytest.mark.parametrize("parity", [0, 1], ids=["from rest", "from a state"])
@pytest.mark.parametrize("case", ZERO, ids=str)
def test_with_the_rule_on_a_zero_reset_is_the_peers_in_values_and_gradients(case: Case, parity: int) -> None:
    with ours.peer.following():
        assert_same(*accepted(case, parity))
