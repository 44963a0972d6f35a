"""Stratified split: counts of every class, and the same samples on every run."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn_data import stratified_split


@given(
    sizes=st.lists(st.integers(5, 40), min_size=1, max_size=6),
    share=st.floats(0.2, 0.8),
    seed=st.integers(0, 2**32),
)
def test_every_class_has_its_share_within_one_sample(sizes, share, seed):
    targets = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    train, test = stratified_split(targets, share, seed)

    assert sorted([*train.tolist(), *test.tolist()]) == list(range(sum(sizes)))
    assert len(test) == round(share * sum(sizes))
    for cls, size in enumerate(sizes):
        assert abs(int((targets[test] == cls).sum()) - share * size) < 1
        assert (targets[train] == cls).any()


def test_halves_of_odd_classes_are_rounded_to_the_lower_class_first():
    # 3.5 + 3.5 + 1.5 + 1.5 = 10: the two samples left over after rounding down go to classes 0 and 1
    targets = [0] * 7 + [1] * 7 + [2] * 3 + [3] * 3
    _, test = stratified_split(targets, 0.5, seed=3)
    assert torch.tensor(targets)[test].bincount().tolist() == [4, 4, 1, 1]


def test_the_indices_come_out_ascending_whatever_the_order_of_the_classes():
    train, test = stratified_split([2, 0, 2, 0, 2, 0, 2, 0], 0.25, seed=1)
    assert train.tolist() == sorted(train.tolist())
    assert test.tolist() == sorted(test.tolist())


@pytest.mark.parametrize(
    "convert",
    [
        list,
        tuple,
        np.asarray,
        torch.tensor,
        lambda t: torch.tensor(t, dtype=torch.uint8),
        lambda t: np.array(t[::-1])[::-1],
    ],
)
def test_the_container_of_the_targets_does_not_matter(convert):
    targets = [0, 1, 2] * 7
    expected = stratified_split(targets, 0.3, seed=5).test
    assert stratified_split(convert(targets), 0.3, seed=5).test.equal(expected)


def test_each_seed_gives_one_split_and_another_seed_another():
    targets = torch.arange(100) % 5
    digest = hashlib.sha256(stratified_split(targets, 0.2, seed=0).test.numpy().astype("<i8").tobytes()).hexdigest()
    assert digest == "432365b3d4f1d97b52220970689fc6424afd8f503a7a875d1c732260b3f08b54"
    assert not stratified_split(targets, 0.2, seed=1).test.equal(stratified_split(targets, 0.2, seed=0).test)


def test_the_global_random_state_is_neither_read_nor_changed():
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = stratified_split([0, 1] * 20, 0.25)
    assert torch.get_rng_state().equal(before)
    torch.manual_seed(12)
    assert stratified_split([0, 1] * 20, 0.25).test.equal(first.test)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_that_leaves_a_part_empty_is_refused(share):
    with pytest.raises(ValueError, match="share between 0 and 1"):
        stratified_split([0, 0, 1, 1], share)


def test_a_share_that_is_not_a_number_is_named():
    with pytest.raises(TypeError, match="a number as share, got 'data'"):
        stratified_split([0, 0, 1, 1], "data")


def test_a_class_too_small_for_both_parts_is_named():
    with pytest.raises(ValueError, match="class 7 has 1 samples"):
        stratified_split([3] * 10 + [7], 0.2)


def test_targets_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \[samples\], got \[2, 2\]"):
        stratified_split([[0, 1], [1, 0]], 0.5)
    with pytest.raises(ValueError, match="at least one sample"):
        stratified_split(torch.empty(0, dtype=torch.int64), 0.5)


def test_real_valued_targets_are_refused():
    with pytest.raises(TypeError, match=r"integer classes, got torch\.float32"):
        stratified_split(torch.rand(5), 0.5)
