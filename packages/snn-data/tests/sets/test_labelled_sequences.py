"""A data set of sequences of unequal length."""

from __future__ import annotations

import pytest
import torch

from snn_data import LabelledSequences


def test_a_sample_is_a_sequence_and_its_target():
    pairs = LabelledSequences([torch.arange(4.0), torch.arange(7.0)], torch.tensor([3, 5]))
    sequence, target = pairs[-1]
    assert sequence.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert target == 5
    assert len(pairs) == 2
    assert pairs.lengths.tolist() == [4, 7]


def test_the_repr_shows_number_and_lengths():
    assert repr(LabelledSequences([torch.zeros(3), torch.zeros(0)], torch.zeros(2))) == (
        "LabelledSequences(samples=2, steps=0..3)"
    )
    assert repr(LabelledSequences([], torch.zeros(0))) == "LabelledSequences(samples=0, steps=none)"


@pytest.mark.parametrize("targets", [torch.zeros(3), torch.tensor(1)])
def test_another_number_of_targets_is_refused(targets):
    with pytest.raises(ValueError, match="one target per sample, got 2 sequences"):
        LabelledSequences([torch.zeros(1), torch.zeros(2)], targets)


def test_a_sequence_without_time_is_refused():
    with pytest.raises(ValueError, match="a scalar as sequence 1"):
        LabelledSequences([torch.zeros(1), torch.tensor(2.0)], torch.zeros(2))
