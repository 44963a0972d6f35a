"""LengthBatches: every sample once an epoch, with little padding."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from snn_data import LabelledSequences, LengthBatches, collate


@given(lengths=st.lists(st.integers(0, 50), max_size=60), batch_size=st.integers(1, 9), seed=st.integers(0, 99))
def test_every_sample_comes_once_and_a_batch_is_a_run_of_the_sorted_lengths(lengths, batch_size, seed):
    batches = LengthBatches(lengths, batch_size, seed=seed)
    groups = list(batches)
    assert sorted(i for batch in groups for i in batch) == list(range(len(lengths)))
    assert len(groups) == len(batches)
    runs = sorted(sorted(lengths[i] for i in batch) for batch in groups)
    ordered = sorted(lengths)
    assert runs == sorted(ordered[at : at + batch_size] for at in range(0, len(lengths), batch_size))


INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64, torch.uint64]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers_of_any_width_that_hold_the_lengths_are_like_a_list(dtype):
    lengths = [3, 0, 1, min(300, torch.iinfo(dtype).max), 44]
    assert list(LengthBatches(torch.tensor(lengths, dtype=dtype), 2)) == list(LengthBatches(lengths, 2))


def test_padding_is_what_sorting_leaves_and_far_below_that_of_random_batches():
    lengths = torch.randint(10, 200, (640,), generator=torch.Generator().manual_seed(0))

    def padded(batches):
        return sum(len(batch) * int(lengths[batch].max()) for batch in batches) - int(lengths.sum())

    binned = padded(LengthBatches(lengths, 16))
    random = padded(torch.randperm(640, generator=torch.Generator().manual_seed(1)).split(16))
    assert binned == padded(torch.argsort(lengths).split(16))
    assert binned < random / 20


def test_an_epoch_is_the_same_again_and_another_epoch_is_not():
    batches = LengthBatches(list(range(40)) * 2, 8, seed=3)
    first = list(batches)
    assert list(batches) == first
    batches.set_epoch(1)
    second = list(batches)
    assert second != first
    batches.set_epoch(0)
    assert list(batches) == first
    assert list(LengthBatches(list(range(40)) * 2, 8, seed=4)) != first


def test_samples_of_one_length_are_shuffled_among_the_batches():
    batches = LengthBatches([5] * 20, 4)
    first = [set(batch) for batch in batches]
    batches.set_epoch(1)
    assert [set(batch) for batch in batches] != first


def test_seed_and_epoch_are_not_merely_added():
    batches = LengthBatches([5] * 50, 5, seed=1)
    swapped = LengthBatches([5] * 50, 5, seed=0)
    swapped.set_epoch(1)
    assert list(batches) != list(swapped)


def test_the_global_random_state_is_neither_read_nor_changed():
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = list(LengthBatches([3, 1, 2] * 9, 4))
    assert torch.get_rng_state().equal(before)
    torch.manual_seed(12)
    assert list(LengthBatches([3, 1, 2] * 9, 4)) == first


def test_lengths_and_batch_size_may_be_of_numpy():
    lengths = np.array([3, 1, 2, 1, 5])
    assert list(LengthBatches(lengths[::-1], np.int64(2))) == list(LengthBatches([5, 1, 2, 1, 3], 2))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_has_the_batches_of_its_epochs(copied):
    batches = LengthBatches([3, 1, 2, 1] * 5, 3, seed=2)
    batches.set_epoch(4)
    other = copied(batches)
    assert list(other) == list(batches)
    loader = DataLoader(torch.arange(20), batch_sampler=other, num_workers=1, persistent_workers=True)
    for number in range(3):
        other.set_epoch(number)
        batches.set_epoch(number)
        assert [batch.tolist() for batch in loader] == list(batches)


def test_a_batch_with_fewer_samples_may_be_dropped():
    batches = LengthBatches([1, 2, 3, 4, 5], 2, drop_last=True)
    assert len(batches) == 2
    assert sorted(i for batch in batches for i in batch) == [0, 1, 2, 3]


def test_it_is_the_batch_sampler_of_a_loader():
    pairs = LabelledSequences([torch.zeros(length, 2) for length in (9, 2, 8, 2)], torch.arange(4))
    loader = DataLoader(pairs, batch_sampler=LengthBatches(pairs.lengths, 2), collate_fn=collate)
    assert sorted(sorted(batch.lengths.tolist()) for batch in loader) == [[2, 2], [8, 9]]


@pytest.mark.parametrize(
    ("lengths", "batch_size", "error", "message"),
    [
        ([[1, 2]], 2, ValueError, r"shape \[samples\], got \[1, 2\]"),
        ([1.5, 2.0], 2, TypeError, "integer lengths, got torch.float32"),
        ([True, False], 2, TypeError, "integer lengths, got torch.bool"),
        ([1, -2], 2, ValueError, "lengths of 0 or more, got -2"),
        ([1, 2], 0, ValueError, "batch_size of 1 or more, got 0"),
        ([1, 2], 2.5, TypeError, "LengthBatches needs an integer batch_size, got 2.5"),
        ([1, 2], 2.0, TypeError, "LengthBatches needs an integer batch_size, got 2.0"),
        ([1, 2], True, TypeError, "LengthBatches needs an integer batch_size, got True"),
        ([1, 2], None, TypeError, "LengthBatches needs an integer batch_size, got None"),
    ],
)
def test_arguments_that_give_no_batches_are_refused(lengths, batch_size, error, message):
    with pytest.raises(error, match=message):
        LengthBatches(lengths, batch_size)
