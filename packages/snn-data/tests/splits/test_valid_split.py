"""valid_split: a random part, in place, the peer's samples for a seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn_data import LabelledTensors, valid_split


class InMemory:
    """A data set as torchvision lays it out, with containers of any kind."""

    def __init__(self, data, targets):
        self.data, self.targets = data, targets

    def __len__(self):
        return len(self.data)


def pair(samples):
    return [LabelledTensors(torch.arange(float(samples)) * 10, torch.arange(samples)) for _ in range(2)]


@given(samples=st.integers(1, 60), split=st.floats(0, 1), seed=st.integers(0, 1000))
def test_the_parts_are_disjoint_and_together_everything(samples, split, seed):
    train, val = valid_split(*pair(samples), split, seed)
    assert len(val) == int(samples * split)
    assert sorted([*train.targets.tolist(), *val.targets.tolist()]) == list(range(samples))
    assert train.data.equal(train.targets * 10.0)
    assert val.data.equal(val.targets * 10.0)


def test_seed_0_gives_the_samples_that_snntorch_gives():
    # recorded from snntorch.utils.valid_split 1.0.0 on targets 0..9, split 0.3, seed 0
    train, val = valid_split(*pair(10), 0.3)
    assert train.targets.tolist() == [9, 0, 1, 5, 2, 4, 3]
    assert val.targets.tolist() == [6, 7, 8]


def test_both_objects_are_returned_and_the_old_content_of_the_second_is_gone():
    train, val = pair(7)
    val.data, val.targets = torch.full((5,), -1.0), torch.full((5,), -1)
    assert valid_split(train, val, 0.5, seed=4) == (train, val)
    assert (val.targets >= 0).all()
    assert len(train) == 4


@pytest.mark.parametrize("convert", [list, tuple, np.asarray, torch.tensor])
def test_every_kind_of_container_gives_the_same_samples(convert):
    expected_train, expected_val = valid_split(*pair(11), 0.4, seed=2)
    train, val = (InMemory(convert(list(range(11))), convert(list(range(11)))) for _ in range(2))
    valid_split(train, val, 0.4, seed=2)
    assert list(train.targets) == expected_train.targets.tolist()
    assert list(val.data) == expected_val.targets.tolist()
    assert type(val.targets) is type(convert([1]))


@pytest.mark.parametrize("split", [-0.1, 1.01, float("nan")])
def test_a_share_outside_zero_to_one_is_refused(split):
    with pytest.raises(ValueError, match="split from 0 to 1"):
        valid_split(*pair(5), split)


def test_one_object_for_both_parts_is_refused_because_one_part_would_be_lost():
    train, _ = pair(5)
    with pytest.raises(ValueError, match="same one twice"):
        valid_split(train, train, 0.2)


def test_a_data_set_without_data_is_named():
    _, val = pair(5)
    with pytest.raises(TypeError, match="list has no such 'data'"):
        valid_split([1, 2, 3], val, 0.2)
