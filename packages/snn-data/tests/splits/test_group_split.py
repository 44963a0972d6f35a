"""group_split: nobody is in both parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn_data import group_split


@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=12), share=st.floats(0.05, 0.95), seed=st.integers(0, 2**32)
)
def test_every_group_is_in_exactly_one_part_and_none_is_empty(sizes, share, seed):
    names = torch.arange(len(sizes)) * 3 + 1
    groups = torch.repeat_interleave(names, torch.tensor(sizes))
    groups = groups[torch.randperm(len(groups), generator=torch.Generator().manual_seed(0))]
    train, test = group_split(groups, share, seed)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(groups)))
    assert set(groups[train].tolist()).isdisjoint(groups[test].tolist())
    assert len(train) > 0
    assert len(test) > 0


@given(groups=st.integers(4, 20), seed=st.integers(0, 1000))
def test_the_share_is_met_within_half_a_group_where_groups_are_of_one_size(groups, seed):
    _, test = group_split(torch.arange(groups).repeat(5), 0.5, seed)
    assert abs(len(test) - 0.5 * 5 * groups) <= 2.5


def test_groups_are_drawn_by_the_seed():
    groups = np.arange(10).repeat(3)
    splits = {tuple(groups[group_split(groups, 0.3, seed).test.numpy()]) for seed in range(20)}
    assert len(splits) > 10
    assert group_split(groups, 0.3, 5).test.equal(group_split(groups.tolist(), 0.3, 5).test)


def test_the_global_random_state_is_neither_read_nor_changed():
    before = torch.get_rng_state()
    group_split([1, 2, 3], 0.3)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize(
    "convert",
    [
        torch.tensor,
        lambda groups: np.array(groups[::-1])[::-1],
        lambda groups: np.array(groups, dtype=np.uint16),
        lambda groups: np.array(groups, dtype=np.int8),
    ],
)
def test_the_container_of_the_groups_does_not_matter(convert):
    groups = [3, 3, 8, 8, 5, 5, 5]
    assert group_split(convert(groups), 0.4).test.equal(group_split(groups, 0.4).test)


@pytest.mark.parametrize(
    ("groups", "share", "error", "message"),
    [
        ([1, 1, 1], 0.5, ValueError, "two groups or more, got 1"),
        ([], 0.5, (ValueError, TypeError), "group_split needs"),
        ([[1, 2]], 0.5, ValueError, r"shape \[samples\], got \[1, 2\]"),
        ([1.5, 2.5], 0.5, TypeError, "integer groups, got torch.float32"),
        ([True, False, True], 0.5, TypeError, "integer groups, got torch.bool: number them, 0 for the first"),
        ([1, 2], "data", TypeError, "group_split needs a number as share, got 'data'"),
        ([1, 2], 1.0, ValueError, "between 0 and 1, both excluded, got 1.0"),
    ],
)
def test_data_that_cannot_be_split_are_refused(groups, share, error, message):
    with pytest.raises(error, match=message):
        group_split(groups, share)
