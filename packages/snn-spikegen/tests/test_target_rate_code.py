"""The rate code of one neuron: regular, uniform and Poisson trains, and the ramps between their spikes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_spikegen import rate_interpolate, target_rate_code


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_regular_spikes_fall_on_the_floor_of_the_multiples():
    # Multiples of 1 / 0.4 = 2.5 from 1: 1, 3.5, 6.
    spikes, times = target_rate_code(7, 1, 0.4)
    assert times.tolist() == [1, 3, 6]
    assert spikes.tolist() == [0, 1, 0, 1, 0, 0, 1]


@pytest.mark.parametrize(("steps", "rate", "count"), [(25, 0.28, 7), (100, 0.07, 7), (20, 0.65, 13), (50, 0.14, 7)])
def test_no_regular_spike_falls_past_the_last_step(steps, rate, count):
    # steps * rate is whole, so the multiple after the last falls on step T, where rounding may count it in.
    _, times = target_rate_code(steps, 0, rate)
    assert len(times) == count
    assert times.max() < steps


@settings(deadline=None)
@given(
    steps=st.integers(1, 300),
    rate=st.floats(0, 1),
    late=st.floats(0, 1, exclude_max=True),
    pattern=st.sampled_from(["regular", "uniform", "poisson"]),
)
def test_times_and_spikes_agree_and_lie_between_the_first_step_and_the_last(steps, rate, late, pattern):
    first = int(late * steps)
    spikes, times = target_rate_code(steps, first, rate, pattern, generator=seeded())
    assert times.dtype == torch.int64
    assert torch.equal(spikes.nonzero().squeeze(1), times)
    assert not len(times) or (first <= times.min() and times.max() < steps)


@pytest.mark.parametrize("steps", [1, 5, 7, 100])
@pytest.mark.parametrize("rate", [0, 0.05, 0.3, 0.5, 0.77, 1])
@pytest.mark.parametrize("first", [0, 3])
def test_uniform_draws_exactly_the_rounded_share_of_distinct_steps(steps, rate, first):
    if first >= steps:
        first = steps - 1
    for seed in range(5):
        _, times = target_rate_code(steps, first, rate, "uniform", generator=seeded(seed))
        assert len(set(times.tolist())) == len(times) == round(rate * (steps - first))


def test_every_step_is_as_likely_in_a_uniform_train():
    generator = seeded()
    counts = sum(target_rate_code(10, 0, 0.3, "uniform", generator=generator)[0] for _ in range(2000))
    # Each step is drawn with p = 0.3: 600 of 2000, standard deviation 20.5; five of them.
    assert (counts - 600).abs().max() < 103


def test_poisson_spikes_come_as_often_as_the_rate_says():
    steps, rate = 10_000, 0.3
    spikes, times = target_rate_code(steps, 0, rate, "poisson", generator=seeded())
    # Binomial: 3000 with a standard deviation of 45.8; five of them.
    assert abs(len(times) - 3000) < 5 * math.sqrt(steps * rate * (1 - rate))
    # Two steps in a row fire with p^2 = 0.09 if they are independent: 900, and since neighboring pairs share a step
    # the variance is T (p^2 (1 - p^2) + 2 (p^3 - p^4)) = 1197.
    assert abs((spikes[1:] * spikes[:-1]).sum().item() - 900) < 5 * math.sqrt(1197)


@pytest.mark.parametrize("pattern", ["regular", "Regular", "UNIFORM", "Poisson"])
def test_a_rate_of_one_fires_in_every_step_whatever_the_pattern(pattern):
    spikes, times = target_rate_code(5, 2, 1, pattern)
    assert spikes.tolist() == [0, 0, 1, 1, 1]
    assert times.tolist() == [2, 3, 4]


@pytest.mark.parametrize("pattern", ["regular", "uniform", "poisson"])
def test_a_rate_of_zero_never_fires_and_draws_nothing(pattern):
    before = torch.get_rng_state()
    spikes, times = target_rate_code(5, 0, 0, pattern)
    assert spikes.tolist() == [0] * 5
    assert times.shape == (0,)
    assert times.dtype == torch.int64
    assert torch.equal(before, torch.get_rng_state())


def test_a_rate_next_to_nothing_fires_once():
    assert target_rate_code(5, 1, 5e-324)[1].tolist() == [1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_dtype_and_the_device_may_be_chosen(dtype):
    spikes, times = target_rate_code(5, rate=0.5, dtype=dtype, device="meta")
    assert spikes.dtype == dtype
    assert spikes.device.type == times.device.type == "meta"


def test_ramps_rise_from_the_step_after_a_spike():
    ramps = rate_interpolate(torch.tensor([0, 4, 5, 7]), num_steps=10, on_target=1.5, off_target=0.5)
    # 0 is a spike; 1 to 4 rises by a third; 5 follows at once; 6 to 7 is a ramp of two steps; then off.
    assert ramps.tolist() == pytest.approx([1.5, 0.5, 0.5 + 1 / 3, 0.5 + 2 / 3, 1.5, 1.5, 0.5, 1.5, 0.5, 0.5])


def test_the_first_ramp_starts_at_the_first_step():
    assert rate_interpolate(torch.tensor([4]), num_steps=5).tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_the_order_and_repetition_of_spikes_do_not_matter():
    ramps = rate_interpolate(torch.tensor([1.0, 6.0, 3.0]), num_steps=8)
    assert torch.equal(rate_interpolate(torch.tensor([6.0, 3.0, 1.0, 3.0]), num_steps=8), ramps)


def test_spike_times_are_rounded_and_left_as_they_are():
    times = torch.tensor([0.4, 3.6])
    assert torch.equal(rate_interpolate(times, 5), rate_interpolate(torch.tensor([0, 4]), 5))
    assert torch.equal(times, torch.tensor([0.4, 3.6]))


@pytest.mark.parametrize(("on", "off"), [(0, 1), (1, 1), (-2, -1)])
def test_a_ramp_may_fall_or_be_level(on, off):
    ramps = rate_interpolate(torch.tensor([4]), num_steps=6, on_target=on, off_target=off)
    assert ramps.tolist() == [off + (on - off) * k / 4 for k in range(5)] + [off]


def test_no_spikes_leave_the_target_off():
    assert rate_interpolate(torch.tensor([]), num_steps=3, off_target=0.25).tolist() == [0.25] * 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_ramps_keep_the_dtype_and_reach_their_target_exactly(dtype):
    ramps = rate_interpolate(torch.tensor([3.0, 7.0], dtype=dtype), num_steps=9, on_target=0.7, off_target=0.1)
    assert ramps.dtype == dtype
    assert torch.equal(ramps[[3, 7]], torch.tensor([0.7, 0.7], dtype=dtype))
    assert rate_interpolate(torch.tensor([3]), num_steps=5).dtype == torch.get_default_dtype()


@pytest.mark.parametrize("times", [[5.0], [-1.0], [math.nan], [2.0, 9.0]])
def test_a_time_that_is_not_a_step_is_refused(times):
    with pytest.raises(ValueError, match=rf"spike_time must be in .* with num_steps=5, got {times[-1]}"):
        rate_interpolate(torch.tensor(times), num_steps=5)


def test_times_of_several_neurons_are_refused():
    with pytest.raises(ValueError, match=r"spike_time must contain the times of one neuron, .* got shape \(2, 3\)"):
        rate_interpolate(torch.zeros(2, 3), num_steps=5)
