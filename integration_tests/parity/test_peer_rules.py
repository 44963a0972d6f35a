"""The rules of snnTorch that can be switched on, beside snnTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from snntorch import functional as peer_functional

import snn_core as ours
import snn_functional as functional

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


LABELS = torch.tensor([0, 2, 0, 1, 0, 0, 1])
ACCURACIES: dict[str, tuple[str, dict[str, Any]]] = {
    "by rate": ("accuracy_rate", {}),
    "by rate of a population": ("accuracy_rate", {"population_code": True, "num_classes": 3}),
    "by time": ("accuracy_temporal", {}),
}


@pytest.mark.parametrize("name", ACCURACIES)
def test_accuracies_count_silent_samples_as_the_peer_by_its_rule_alone(name: str) -> None:
    accuracy, options = ACCURACIES[name]
    differ = 0
    for seed in range(30):
        generator = torch.Generator().manual_seed(seed)
        spk = (torch.rand(4, 7, 6 if options else 3, generator=generator) < 0.05 + 0.3 * (seed % 2)).float()
        spk[:, 2] = 0  # of class 0, silent
        expected = float(getattr(peer_functional, accuracy)(spk, LABELS, **options))
        with ours.peer.following():
            result, silent = getattr(functional, accuracy)(spk, LABELS, return_silent=True, **options)
        without, also_silent = getattr(functional, accuracy)(spk, LABELS, return_silent=True, **options)
        assert result == pytest.approx(expected)
        assert silent == also_silent >= 1 / 7
        differ += without != pytest.approx(expected)
    assert differ > 20


@pytest.mark.parametrize("accuracy", ["accuracy_rate", "accuracy_temporal"])
def test_the_peers_rule_counts_a_padded_batch_as_its_samples_alone(accuracy: str) -> None:
    spk = (torch.rand(6, 7, 3, generator=torch.Generator().manual_seed(3)) < 0.1).float()
    lengths = torch.tensor([1, 6, 2, 3, 5, 4, 6])
    function = getattr(functional, accuracy)
    with ours.peer.following():
        padded = function(spk, LABELS, lengths=lengths)
        alone = [function(spk[:n, b : b + 1], LABELS[b : b + 1]) for b, n in enumerate(lengths.tolist())]
    assert padded == pytest.approx(sum(alone) / 7)
