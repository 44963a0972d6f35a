"""Firing rates, sparsity, dead and saturated neurons: numbers worked out by hand, ragged batches, bad input."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_functional import dead_neurons, firing_rate, saturated_neurons, sparsity, statistics

ALL = [firing_rate, sparsity, dead_neurons, saturated_neurons]


def example():
    # 4 steps, 2 samples, 3 neurons: 0, 3 + 2 and 4 + 4 spikes
    spk = torch.zeros(4, 2, 3)
    spk[:3, 0, 1] = spk[2:, 1, 1] = 1
    spk[..., 2] = 1
    return spk


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16, torch.float64])
def test_numbers_by_hand(dtype):
    spk = example().to(dtype)
    assert firing_rate(spk).tolist() == [0, 0.625, 1]
    assert firing_rate(spk, dt=0.002).tolist() == [0, 312.5, 500]
    assert sparsity(spk) == pytest.approx(11 / 24)
    assert dead_neurons(spk).tolist() == [True, False, False]
    assert saturated_neurons(spk).tolist() == [False, False, True]
    assert dead_neurons(spk, rate=0.625).tolist() == [True, True, False]
    assert saturated_neurons(spk, 0.625).tolist() == [False, True, True]


def test_a_graded_or_negative_spike_is_one_spike():
    spk = torch.tensor([[[0.25, -3.0, 0.0]]])
    assert firing_rate(spk).tolist() == [1, 1, 0]
    assert sparsity(spk) == pytest.approx(1 / 3)


def test_only_steps_that_count_count():
    spk, lengths = example(), [3, 2]
    # neuron 1 fires 3 times in the 3 steps of sample 0, not in the 2 of sample 1
    assert firing_rate(spk, lengths=lengths).tolist() == pytest.approx([0, 0.6, 1])
    assert sparsity(spk, lengths=lengths) == pytest.approx(7 / 15)
    mask = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=torch.bool)
    assert saturated_neurons(spk, mask=mask).tolist() == [False, True, True]
    assert dead_neurons(spk, mask=mask).tolist() == [True, False, False]


def test_padding_may_hold_any_value():
    spk = example()
    spk[3, 0] = torch.nan
    assert firing_rate(spk, lengths=[3, 4])[2] == 1


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**16))
def test_the_functions_agree_with_each_other(steps, batch, seed):
    spk = (torch.rand(steps, batch, 2, 5, generator=torch.Generator().manual_seed(seed)) < 0.3).float()
    rate = firing_rate(spk)
    assert rate.shape == (2, 5)
    torch.testing.assert_close(rate, spk.mean((0, 1)))
    assert sparsity(spk) == pytest.approx(1 - float(rate.mean()), abs=1e-6)
    assert torch.equal(dead_neurons(spk), rate == 0)
    assert torch.equal(saturated_neurons(spk), rate == 1)


def test_a_rate_is_met_exactly():
    # 3 spikes in 10 steps are a rate of 0.3, whatever 0.3 is in binary
    spk = torch.zeros(10, 1, 1)
    spk[:3] = 1
    assert dead_neurons(spk, 0.3).item()
    assert saturated_neurons(spk, 0.3).item()


def test_many_spikes_are_counted_exactly():
    spk = torch.ones(2**12 + 1, 2**12 + 1, 1, dtype=torch.bool)  # more than float32 can count
    spk[0, 0] = False
    assert not saturated_neurons(spk).item()
    assert sparsity(spk) == pytest.approx(1 / (2**12 + 1) ** 2)


def test_both_routes_lead_to_one_function():
    assert all(getattr(statistics, function.__name__) is function for function in ALL)
