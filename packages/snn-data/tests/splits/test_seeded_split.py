"""seeded_split: a random part, the same on every run."""

from __future__ import annotations

import hashlib
import re
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn_data import seeded_split


@given(samples=st.integers(5, 200), share=st.floats(0.2, 0.8), seed=st.integers(0, 2**32))
def test_the_parts_are_disjoint_ascending_and_together_everything(samples, share, seed):
    train, test = seeded_split(samples, share, seed)
    assert len(test) == round(share * samples)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(samples))
    assert train.tolist() == sorted(train.tolist())
    assert test.tolist() == sorted(test.tolist())


def test_a_seed_is_one_split_on_every_machine():
    digest = hashlib.sha256(seeded_split(100, 0.2).test.numpy().astype("<i8").tobytes()).hexdigest()
    assert digest == "349b4a47aa554317cd8ba9f90e6052644530a01c689903ed0f4031ee0f14ea1b"
    assert not seeded_split(100, 0.2, seed=1).test.equal(seeded_split(100, 0.2).test)


def test_the_global_random_state_is_neither_read_nor_changed():
    torch.manual_seed(11)
    before = torch.get_rng_state()
    seeded_split(30, 0.3)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("share", [0, 1, -0.5, float("nan")])
def test_a_share_outside_zero_to_one_is_refused(share):
    with pytest.raises(ValueError, match="share between 0 and 1, both excluded"):
        seeded_split(10, share)


def test_a_share_that_is_not_a_number_is_named():
    with pytest.raises(TypeError, match="seeded_split needs a number as share, got 'data'"):
        seeded_split(10, "data")


@pytest.mark.parametrize("samples", [10.0, 2.5, True, "10", None, torch.tensor(10)])
def test_a_number_of_samples_that_is_not_an_integer_is_named(samples):
    with pytest.raises(TypeError, match=f"seeded_split needs an integer samples, got {re.escape(repr(samples))}"):
        seeded_split(samples, 0.3)


def test_the_number_of_samples_may_be_of_numpy():
    assert seeded_split(np.int64(10), 0.3).test.equal(seeded_split(10, 0.3).test)


def test_a_share_is_a_number_of_any_kind():
    for share in (np.float32(0.25), Fraction(1, 4)):
        assert seeded_split(12, share).test.equal(seeded_split(12, 0.25).test)


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_an_empty_part_is_refused(samples):
    with pytest.raises(ValueError, match=f"0.1 of {samples} samples leaves a part empty"):
        seeded_split(samples, 0.1)
