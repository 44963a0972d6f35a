"""Delta modulation: thresholds, padding, falls."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_spikegen import delta


def test_a_rise_of_the_threshold_or_more_spikes():
    data = torch.tensor([1.0, 2.0, 2.75, 3.0, 4.5])
    # Differences from 0: 1, 1, 0.75, 0.25, 1.5.
    assert delta(data, threshold=1).tolist() == [1, 1, 0, 0, 1]


def test_a_fall_spikes_only_when_asked():
    data = torch.tensor([1.0, 2.0, 0.0, 2.0, 1.5])
    assert delta(data, threshold=1).tolist() == [1, 1, 0, 1, 0]
    assert delta(data, threshold=1, off_spike=True).tolist() == [1, 1, -1, 1, 0]


def test_padding_repeats_the_first_step_which_then_is_silent():
    data = torch.tensor([[5.0, -5.0, 0.0], [5.0, 0.0, 0.0]])
    assert delta(data, padding=True, off_spike=True).tolist() == [[0, 0, 0], [0, 1, 0]]
    assert delta(data, padding=False, off_spike=True).tolist() == [[1, -1, 0], [0, 1, 0]]


@settings(deadline=None)
@given(
    data=st.lists(st.integers(-50, 50), min_size=1, max_size=9),
    threshold=st.integers(1, 20),
    padding=st.booleans(),
)
def test_a_mirrored_signal_gives_mirrored_spikes(data, threshold, padding):
    signal = torch.tensor(data, dtype=torch.float64)
    up = delta(signal, threshold, padding, off_spike=True)
    assert torch.equal(delta(-signal, threshold, padding, off_spike=True), -up)
    assert torch.equal(delta(signal, threshold, padding), up.clamp(min=0))


def test_differences_of_unsigned_integers_do_not_wrap_around():
    spikes = delta(torch.tensor([200, 10, 20], dtype=torch.uint8), threshold=5, off_spike=True)
    assert spikes.dtype == torch.get_default_dtype()
    assert spikes.tolist() == [1, -1, 1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_differences_of_integers_are_exact_also_with_a_default_dtype_of_16_bits(dtype):
    data = torch.tensor([4096, 4097, 4096, 4096, 70000])
    torch.set_default_dtype(dtype)
    try:
        spikes = delta(data, threshold=1, padding=True, off_spike=True)
    finally:
        torch.set_default_dtype(torch.float32)
    assert spikes.dtype == dtype
    assert spikes.tolist() == [0, 1, -1, 0, 1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_dtype_and_the_shape_stay(dtype):
    spikes = delta(torch.ones(7, 3, 5, dtype=dtype), off_spike=True)
    assert spikes.dtype == dtype
    assert spikes.shape == (7, 3, 5)


@pytest.mark.parametrize("padding", [False, True])
def test_no_steps_give_no_spikes(padding):
    assert delta(torch.zeros(0, 3), padding=padding, off_spike=True).shape == (0, 3)


@pytest.mark.parametrize("threshold", [-0.1, math.nan])
def test_a_threshold_that_is_not_a_size_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold must be"):
        delta(torch.rand(3), threshold=threshold)


def test_data_without_time_are_refused():
    with pytest.raises(ValueError, match="time axis"):
        delta(torch.tensor(1.0))
    with pytest.raises(TypeError, match=r"data must be a torch\.Tensor, got list"):
        delta([1.0, 2.0])
    with pytest.raises(TypeError, match="complex"):
        delta(torch.zeros(3, dtype=torch.complex64))


def test_a_jump_to_infinity_is_a_rise():
    assert delta(torch.tensor([0.0, math.inf, 0.0]), off_spike=True).tolist() == [0, 1, -1]
