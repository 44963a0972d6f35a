"""Burst code: how many spikes, how far apart."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_spikegen import burst


def times(spikes):
    return spikes.nonzero().squeeze(1).tolist()


def test_bursts_worked_out_by_hand():
    spikes = burst(torch.tensor([0.0, 0.1, 0.5, 1.0]), num_steps=13, max_spikes=4, min_interval=2)
    # Longest interval 12 // 3 = 4. Value 0.1: one spike; 0.5: two, 4 - 2 * 0.5 = 3 apart; 1: four, 2 apart.
    assert [times(train) for train in spikes.T] == [[], [0], [0, 3], [0, 2, 4, 6]]


def test_the_longest_interval_may_be_chosen():
    spikes = burst(torch.tensor([0.26]), num_steps=9, max_spikes=4, max_interval=2)
    # Two spikes; ceil(2 - 0.26) = 2.
    assert times(spikes[:, 0]) == [0, 2]


@settings(deadline=None)
@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=7),
    most=st.integers(1, 9),
    shortest=st.integers(1, 3),
    spare=st.integers(0, 20),
)
def test_a_burst_has_its_spikes_evenly_spaced_within_the_steps(values, most, shortest, spare):
    steps = (most - 1) * shortest + 1 + spare
    if most == 1:
        steps += shortest
    data = torch.tensor(values, dtype=torch.float64)
    spikes = burst(data, steps, most, shortest)
    for value, train in zip(values, spikes.T, strict=True):
        fired = torch.tensor(times(train))
        assert len(fired) == -(-torch.tensor(value, dtype=torch.float64) * most // 1)
        assert len(set(fired.diff().tolist())) <= 1
        assert not len(fired) or fired[0] == 0
        assert (fired.diff() >= shortest).all()


def test_the_count_tells_the_value_up_to_one_spike():
    data = torch.rand(100, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    error = burst(data, num_steps=20, max_spikes=5).sum(0) / 5 - data
    assert (error >= 0).all()
    assert (error < 1 / 5).all()


def test_a_larger_value_has_no_fewer_spikes_and_no_longer_intervals():
    spikes = burst(torch.linspace(0.01, 1, 100), num_steps=30, max_spikes=5)
    assert (spikes.sum(0).diff() >= 0).all()
    second = [times(train)[1] for train in spikes.T if train.sum() > 1]
    assert second == sorted(second, reverse=True)
    assert second[-1] == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_dtype_stays(dtype):
    spikes = burst(torch.tensor([[0.5, 1.0]], dtype=dtype), num_steps=3001, max_spikes=2)
    assert spikes.dtype == dtype
    assert times(spikes[:, 0, 1]) == [0, 1]
    assert spikes.shape == (3001, 1, 2)


def test_integers_and_empty_batches_are_data():
    assert burst(torch.tensor([0, 1], dtype=torch.uint8), 3, 2).tolist() == [[0, 1], [0, 1], [0, 0]]
    assert burst(torch.zeros(0, 3), 5).shape == (5, 0, 3)
    assert burst(torch.tensor(1.0), 1, 1).tolist() == [1]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"max_interval": 3}, "max_interval must be at most 2, so that 5 spikes end within num_steps=10, got 3"),
        ({"min_interval": 3}, "min_interval must be at most max_interval=2, got 3"),
        ({"max_spikes": 11}, "min_interval must be at most max_interval=0, got 1"),
    ],
)
def test_bursts_that_might_not_end_in_time_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        burst(torch.rand(3), num_steps=10, **kwargs)


def test_a_single_spike_has_room_for_any_interval_within_the_steps():
    assert burst(torch.tensor([0.5]), num_steps=5, max_spikes=1, max_interval=4).flatten().tolist() == [1, 0, 0, 0, 0]
    with pytest.raises(ValueError, match=r"max_interval must be at most 4, .*, got 5"):
        burst(torch.tensor([0.5]), num_steps=5, max_spikes=1, max_interval=5)
