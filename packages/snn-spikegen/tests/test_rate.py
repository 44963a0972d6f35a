"""Rate code: probabilities, silence, randomness, dtypes."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_spikegen import rate, rate_conv

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [0.125, 0.5, 0.75])
def test_spikes_come_as_often_as_the_value_says(p, dtype):
    draws = 7 * 3 * 5 * 100
    spikes = rate(torch.full((7, 3, 5), p, dtype=dtype), num_steps=100, generator=seeded())
    # The count is binomial: five standard deviations, a chance of 6e-7 if the draws are right.
    bound = 5 * math.sqrt(draws * p * (1 - p))
    assert abs(spikes.double().sum().item() - draws * p) < bound
    assert spikes.dtype == dtype
    assert set(spikes.unique().tolist()) == {0.0, 1.0}


def test_steps_are_drawn_independently():
    spikes = rate(torch.full((5000,), 0.5), num_steps=2, generator=seeded())
    # Two independent fair draws agree half the time: 2500 with a standard deviation of 35.4.
    assert abs((spikes[0] == spikes[1]).sum().item() - 2500) < 177


def test_gain_and_offset_make_the_probability_and_clamp_it():
    data = torch.tensor([0.0, 0.25, 0.5, 0.75])
    # 4 x - 1 is -1, 0, 1, 2: clamped, two never and two always.
    spikes = rate(data, num_steps=7, gain=4, offset=-1)
    assert torch.equal(spikes, torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(7, 4))


def test_a_gain_may_differ_by_feature():
    spikes = rate(torch.ones(3, 2), num_steps=5, gain=torch.tensor([0.0, 1.0]))
    assert torch.equal(spikes, torch.tensor([0.0, 1.0]).expand(5, 3, 2))


@pytest.mark.parametrize("first", [0, 1, 4])
def test_static_data_are_silent_before_the_first_spike_time(first):
    spikes = rate(torch.ones(3), num_steps=5, first_spike_time=first)
    assert spikes[:first].sum() == 0
    assert spikes[first:].sum() == 3 * (5 - first)


@pytest.mark.parametrize("first", [0, 2])
def test_silence_is_put_in_front_of_varying_data(first):
    data = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    spikes = rate(data, first_spike_time=first, time_var_input=True)
    assert torch.equal(spikes, torch.cat((torch.zeros(first, 2, dtype=torch.float64), data)))


def test_integers_become_the_default_dtype_and_are_not_rescaled():
    image = torch.tensor([0, 255], dtype=torch.uint8)
    spikes = rate(image, num_steps=3, gain=1 / 255)
    assert spikes.dtype == torch.get_default_dtype()
    assert torch.equal(spikes, torch.tensor([0.0, 1.0]).expand(3, 2))
    assert torch.equal(rate_conv(torch.tensor([False, True])), torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int64])
@pytest.mark.parametrize("options", [{"num_steps": 3}, {"time_var_input": True}, {"num_steps": 3, "gain": 1.0}])
def test_a_rate_code_refuses_bytes(dtype, options):
    image = torch.tensor([[0, 100], [7, 3]], dtype=dtype)
    message = (
        r"rate: data must be probabilities in \[0, 1\], got values in \[0\.0, 100\.0\]\. Fix: rescale them, for "
        r"example an 8-bit image by data / 255, or pass gain and offset$"
    )
    with pytest.raises(ValueError, match=message):
        rate(image, **options)
    with pytest.raises(ValueError, match=r"values in \[-1\.0, 0\.0\]"):
        rate(torch.tensor([[0, -1]]), **options)
    ones = torch.ones(2, 3, dtype=dtype)
    assert rate(ones, **options).eq(1).all()


@pytest.mark.parametrize("options", [{"num_steps": 3}, {"time_var_input": True}], ids=["static", "varying"])
@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-0.25, 2.75, "below 0 and above 1"),
        (0.0, 255.0, "above 1"),
        (-0.125, 1.0, "below 0"),
        (0.0, math.inf, "above 1"),
    ],
)
def test_values_far_from_probabilities_are_clamped_with_a_warning(low, high, words, options):
    data = torch.tensor([[low, high, 0.0, 1.0]])
    message = rf"data has values {words}, which are clamped to .* \[0, 1\]\. Fix: rescale them, .* data / 255"
    with pytest.warns(UserWarning, match=message) as warned:
        spikes = rate(data, **options)
    assert warned[0].filename == __file__
    assert spikes.reshape(-1, 4).tolist() == [[0, min(high, 1), 0, 1]] * (3 if "num_steps" in options else 1)
    rate(data.clamp(0, 1), **options)


def test_values_out_of_range_are_reported_once_in_a_loop_over_batches():
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")
        for seed in range(5):
            rate(torch.randn(3, 7, generator=seeded(seed)) - 2, num_steps=2)
    assert len(warned) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_that_rounding_took_out_of_the_range_are_clamped_without_a_warning(dtype):
    beyond = torch.tensor([-torch.finfo(dtype).eps, 1 + torch.finfo(dtype).eps], dtype=dtype)
    assert beyond[0] < 0
    assert beyond[1] > 1
    assert rate(beyond, num_steps=3).tolist() == [[0, 1]] * 3


def test_no_probability_is_nan_even_beside_values_out_of_range():
    with pytest.raises(ValueError, match="data contains NaN"):
        rate(torch.tensor([math.nan, 7.0]), num_steps=3)


def test_one_generator_state_gives_one_spike_train():
    data = torch.rand(7, 3, generator=seeded(1))
    a = rate(data, num_steps=5, generator=seeded(2))
    assert torch.equal(a, rate(data, num_steps=5, generator=seeded(2)))
    assert not torch.equal(a, rate(data, num_steps=5, generator=seeded(3)))


@pytest.mark.parametrize(
    "encode",
    [
        lambda g: rate(torch.full((7,), 0.5), num_steps=5, generator=g),
        lambda g: rate(torch.full((5, 7), 0.5), time_var_input=True, generator=g),
        lambda g: rate_conv(torch.full((5, 7), 0.5), generator=g),
    ],
)
def test_a_generator_leaves_the_global_one_alone(encode):
    before = torch.get_rng_state()
    encode(seeded())
    assert torch.equal(before, torch.get_rng_state())


def test_the_order_of_the_draws_does_not_depend_on_the_layout_of_the_data():
    data = torch.rand(5, 3, generator=seeded(1))
    assert torch.equal(
        rate(data.t(), num_steps=4, generator=seeded()), rate(data.t().contiguous(), num_steps=4, generator=seeded())
    )


def test_no_gradient_flows_through_a_draw():
    data = torch.full((3,), 0.5, requires_grad=True)
    rate(data, num_steps=5).sum().backward()
    assert torch.equal(data.grad, torch.zeros(3))


def test_the_data_stay_as_they_are():
    data = torch.full((3,), 2.0)
    rate(data, num_steps=5, gain=3, first_spike_time=2)
    rate_conv(data)
    assert torch.equal(data, torch.full((3,), 2.0))


@settings(deadline=None)
@given(shape=st.lists(st.integers(0, 4), max_size=3), steps=st.integers(1, 5))
def test_time_comes_first_in_any_shape(shape, steps):
    assert rate(torch.zeros(shape), num_steps=steps).shape == (steps, *shape)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "num_steps is not given"),
        ({"num_steps": -1}, "num_steps must be at least 0, got -1"),
        ({"num_steps": 5, "first_spike_time": 5}, "first_spike_time must be at most 4, .*, got 5"),
        ({"num_steps": 5, "first_spike_time": -2}, "first_spike_time must be at least 0, got -2"),
        ({"num_steps": 5, "time_var_input": True}, "num_steps is 5, but time_var_input=True"),
        ({"num_steps": 5, "gain": math.nan}, "gain must be finite, got nan"),
    ],
)
def test_steps_that_do_not_fit_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        rate(torch.rand(3, 2), **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_steps": 2.5}, "num_steps must be an int, got 2.5"),
        ({"num_steps": True}, "num_steps must be an int, got True"),
        ({"num_steps": 5, "first_spike_time": 1.0}, "first_spike_time must be an int, got 1.0"),
    ],
)
def test_steps_are_whole_numbers(kwargs, message):
    with pytest.raises(TypeError, match=message):
        rate(torch.rand(3, 2), **kwargs)


def test_data_that_are_not_probabilities_are_refused():
    with pytest.raises(TypeError, match=r"data must be a torch\.Tensor, got list"):
        rate([0.5], num_steps=3)
    with pytest.raises(TypeError, match="complex64"):
        rate_conv(torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(ValueError, match="data contains NaN"):
        rate_conv(torch.tensor([0.5, math.nan]))
    with pytest.raises(ValueError, match="time axis"):
        rate(torch.tensor(0.5), time_var_input=True)


@pytest.mark.parametrize("kwargs", [{"gain": 0.5}, {"offset": 0.1}])
def test_a_gain_without_effect_is_reported(kwargs):
    with pytest.warns(UserWarning, match="no effect with time_var_input=True"):
        rate(torch.rand(3, 2), time_var_input=True, **kwargs)


def test_infinite_data_are_clamped():
    assert rate_conv(torch.tensor([math.inf, -math.inf])).tolist() == [1, 0]
