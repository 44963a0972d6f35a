"""Latency code as spikes: where they are, what they are worth, what is refused."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_spikegen import latency, latency_interpolate

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def test_the_spike_comes_at_the_rounded_latency():
    # Linear, tau = 6: times 6 (1 - x) = 0, 1.5, 3, 4.2; round half to even gives 0, 2, 3, 4.
    spikes = latency(torch.tensor([1.0, 0.75, 0.5, 0.3], dtype=torch.float64), num_steps=7, tau=6, linear=True)
    assert spikes.argmax(0).tolist() == [0, 2, 3, 4]
    assert torch.equal(spikes.sum(0), torch.ones(4, dtype=torch.float64))


@settings(deadline=None)
@given(
    values=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=7),
    steps=st.integers(1, 9),
    linear=st.booleans(),
)
def test_every_value_fires_exactly_once_and_larger_ones_no_later(values, steps, linear):
    data = torch.tensor(values).sort(descending=True).values
    spikes = latency(data, num_steps=steps, normalize=True, linear=linear)
    assert torch.equal(spikes.sum(0), torch.ones(len(values)))
    assert (spikes.argmax(0).diff() >= 0).all()


@pytest.mark.parametrize("interpolate", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_spikes_do_not_depend_on_the_rest_of_the_batch(normalize, interpolate):
    batch = torch.rand(5, 3, 7, generator=torch.Generator().manual_seed(0))
    kwargs = {"num_steps": 11, "normalize": normalize, "interpolate": interpolate, "bypass": True}
    together = latency(batch, **kwargs)
    alone = torch.cat([latency(sample[None], **kwargs) for sample in batch], dim=1)
    assert torch.equal(together, alone)


@pytest.mark.parametrize("interpolate", [False, True])
def test_clipped_values_never_fire(interpolate):
    data = torch.tensor([0.0, 0.005, 0.5])
    spikes = latency(
        data, num_steps=5, clip=True, normalize=True, linear=True, off_target=0.25, interpolate=interpolate
    )
    assert torch.equal(spikes[:, :2], torch.full((5, 2), 0.25))
    assert spikes[2, 2] == 1


@pytest.mark.parametrize(("on", "off"), [(1, 0), (1.25, 0.25), (2, -1), (-1, -2), (0, 1)])
def test_every_step_is_on_or_off(on, off):
    spikes = latency(torch.tensor([1.0, 0.0]), num_steps=3, normalize=True, linear=True, on_target=on, off_target=off)
    assert torch.equal(spikes, torch.tensor([[on, off], [off, off], [off, on]], dtype=torch.float32))


def test_late_spikes_are_an_error_unless_they_may_be_dropped():
    data = torch.tensor([1.0, 0.0])  # linear, tau 9: steps 0 and round(8.91) = 9
    with pytest.raises(ValueError, match=r"the latest spike comes at step 9.*num_steps=5.*bypass=True"):
        latency(data, num_steps=5, tau=9, linear=True)
    spikes = latency(data, num_steps=5, tau=9, linear=True, bypass=True)
    assert spikes[:, 0].tolist() == [1, 0, 0, 0, 0]
    assert spikes[:, 1].tolist() == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_latest_spike_sets_the_default_number_of_steps(dtype):
    assert latency(torch.tensor([1.0, 0.0], dtype=dtype), tau=9, linear=True, bypass=True).shape == (10, 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolate", [False, True])
@pytest.mark.parametrize("linear", [False, True])
def test_the_dtype_stays_and_16_bit_floats_lose_no_spike(dtype, interpolate, linear):
    data = torch.tensor([[0.0, 0.25, 0.5], [0.75, 1.0, 0.125]], dtype=dtype)
    kwargs = {"num_steps": 3001, "tau": 200, "linear": linear, "interpolate": interpolate}
    spikes = latency(data, **kwargs)
    assert spikes.dtype == dtype
    # In float16 the steps after 2048 are even and threshold + epsilon is threshold; the times are float32 ones.
    expected = latency(data.to(torch.promote_types(dtype, torch.float32)), **kwargs)
    assert torch.equal(spikes, expected.to(dtype))


def test_integers_zero_and_one_are_data():
    spikes = latency(torch.tensor([0, 1], dtype=torch.uint8), num_steps=5, normalize=True)
    assert spikes.dtype == torch.get_default_dtype()
    # ln(1 / 0.99) is 0.01 against 11.5 for the value below the threshold, hence step 0.
    assert spikes.argmax(0).tolist() == [4, 0]


def test_an_empty_batch_gives_an_empty_spike_train():
    assert latency(torch.zeros(0, 3), num_steps=5, normalize=True).shape == (5, 0, 3)
    assert latency(torch.zeros(2, 0), num_steps=5, normalize=True, linear=True).shape == (5, 2, 0)


@pytest.mark.parametrize("value", [-0.1, 1.1, 255.0, math.nan])
def test_data_outside_zero_and_one_are_refused(value):
    with pytest.raises(ValueError, match=r"latency: data must be in \[0, 1\].*data / 255"):
        latency(torch.tensor([0.5, value]), num_steps=5)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "num_steps is not given"),
        ({"num_steps": 5, "threshold": 0}, "threshold must be between 0 and 1, both excluded, got 0"),
        ({"num_steps": 5, "threshold": 1.5}, "threshold must be between 0 and 1, both excluded, got 1.5"),
        ({"num_steps": 5, "tau": 0}, "tau must be greater than 0, as a time constant, got 0"),
        ({"bypass": True, "normalize": True}, "normalize=True needs it"),
        (
            {"num_steps": 5, "normalize": True, "interpolate": True, "on_target": -1},
            "on_target must be at least off_target=0, got -1",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        latency(torch.rand(3), **kwargs)


def test_empty_data_cannot_set_the_number_of_steps():
    with pytest.raises(ValueError, match="empty data have no latest spike"):
        latency(torch.zeros(0), bypass=True)


def test_the_ramp_is_the_straight_line_to_the_spike():
    ramp = latency_interpolate(torch.tensor([4.0, 2.0]), num_steps=6, on_target=3.0, off_target=1.0)
    assert ramp[:, 0].tolist() == [1.0, 1.5, 2.0, 2.5, 3.0, 1.0]
    assert ramp[:, 1].tolist() == [1.0, 2.0, 3.0, 1.0, 1.0, 1.0]


def test_the_ramp_reaches_its_target_exactly_despite_rounding():
    # In float32 (0.7 - 0.1) + 0.1 is 0.70000005, past the target.
    ramp = latency_interpolate(torch.tensor([3.0, 0.0]), num_steps=5, on_target=0.7, off_target=0.1)
    assert ramp[3, 0] == torch.tensor(0.7)
    assert torch.equal(ramp[:, 1], torch.tensor([0.7, 0.1, 0.1, 0.1, 0.1]))


def test_a_spike_out_of_reach_leaves_no_ramp():
    ramp = latency_interpolate(torch.tensor([9.0, 5.0]), num_steps=5)
    assert ramp[:, 0].tolist() == [0.0] * 5
    # Step 5 is the next one: its ramp is already under way.
    assert ramp[:, 1].tolist() == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])


def test_spike_times_are_left_as_they_are():
    times = torch.tensor([0.0, 0.4, 9.0])
    latency_interpolate(times, num_steps=5)
    assert torch.equal(times, torch.tensor([0.0, 0.4, 9.0]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_ramps_keep_the_dtype(dtype):
    assert latency_interpolate(torch.tensor([2.0], dtype=dtype), num_steps=3).dtype == dtype
    assert latency_interpolate(torch.tensor([2]), num_steps=3).dtype == torch.get_default_dtype()


@pytest.mark.parametrize(
    ("times", "kwargs", "message"),
    [
        ([-1.0, 2.0], {"num_steps": 5}, "spike_time must be at least 0, as a step, got -1.0"),
        ([math.nan], {"num_steps": 5}, "spike_time must be at least 0, as a step, got nan"),
        ([1.0], {"num_steps": 0}, "num_steps must be at least 1, got 0"),
        ([1.0], {"num_steps": 5, "off_target": 2}, "on_target must be at least off_target=2, got 1"),
    ],
)
def test_ramps_that_cannot_be_drawn_are_refused(times, kwargs, message):
    with pytest.raises(ValueError, match=message):
        latency_interpolate(torch.tensor(times), **kwargs)


@pytest.mark.parametrize("clip", [False, True])
def test_a_spike_at_the_step_after_the_last_is_dropped(clip):
    # Linear, tau 5: 5 (1 - 0.02) = 4.9, hence step 5 of 0 to 4.
    spikes = latency(torch.tensor([0.02, 1.0]), num_steps=5, tau=5, linear=True, bypass=True, clip=clip)
    assert spikes.T.tolist() == [[0, 0, 0, 0, 0], [1, 0, 0, 0, 0]]


def test_ramps_lead_to_the_nearest_step():
    rounded = latency_interpolate(torch.tensor([4.0, 0.0]), num_steps=6)
    assert torch.equal(latency_interpolate(torch.tensor([3.6, 0.4]), num_steps=6), rounded)


def test_a_ramp_may_be_level():
    assert latency_interpolate(torch.tensor([2.0]), num_steps=4, on_target=3, off_target=3).tolist() == [[3]] * 4


def test_a_constant_may_be_a_tensor_of_one_number():
    data, tensor = torch.rand(3, 5), torch.tensor
    spikes = latency(data, 9, tensor(0.25), tensor(2.0), on_target=tensor(0.5), linear=True)
    assert torch.equal(spikes, latency(data, 9, 0.25, 2.0, on_target=0.5, linear=True))
