"""Spike times: closed forms, normalization, gradients."""

import math

import pytest
import torch

from snn_spikegen import latency_code, latency_code_linear, latency_code_log

DATA = torch.tensor([[0.02, 0.5, 1.0], [0.3, 0.7, 0.0]], dtype=torch.float64)


def test_the_logarithmic_code_is_the_charging_time_of_a_leaky_neuron():
    # x = 2 theta reaches theta after tau ln 2; x = 1 after tau ln(1 / 0.99).
    times = latency_code_log(torch.tensor([0.02, 1.0], dtype=torch.float64), threshold=0.01, tau=3.0)
    assert times.tolist() == pytest.approx([3 * math.log(2), 3 * math.log(1 / 0.99)])


def test_the_logarithmic_code_saturates_epsilon_above_the_threshold():
    # (0.01 + 0.01) / 0.01 = 2, for every value at or below the threshold.
    times = latency_code_log(torch.tensor([0.0, 0.01], dtype=torch.float64), threshold=0.01, epsilon=0.01)
    assert times.tolist() == pytest.approx([math.log(2)] * 2)


def test_the_linear_code_falls_from_tau_to_the_first_spike_time():
    times = latency_code_linear(torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64), tau=8, first_spike_time=2)
    # -8 (x - 1) + 2, no later than -8 (0.01 - 1) + 2 = 9.92
    assert times.tolist() == pytest.approx([9.92, 8.0, 2.0])


@pytest.mark.parametrize("code", [latency_code_log, latency_code_linear])
@pytest.mark.parametrize("first", [0, 2])
def test_normalized_times_lie_between_the_first_and_the_last_step(code, first):
    times = code(DATA, num_steps=7, first_spike_time=first, normalize=True)
    assert times.min() >= first
    assert times.max() <= 6 + 1e-12


@pytest.mark.parametrize("first", [0, 2])
def test_the_latest_normalized_spike_of_every_sample_comes_at_the_last_step(first):
    times = latency_code_log(DATA, num_steps=7, first_spike_time=first, normalize=True)
    assert times.amax(1).tolist() == pytest.approx([6.0, 6.0])


@pytest.mark.parametrize("code", [latency_code_log, latency_code_linear])
@pytest.mark.parametrize("normalize", [False, True])
def test_a_code_does_not_depend_on_the_rest_of_the_batch(code, normalize):
    batch = torch.rand(7, 3, 5, generator=torch.Generator().manual_seed(0)) * 1.5
    together = code(batch, num_steps=11, normalize=normalize)
    alone = torch.cat([code(sample[None], num_steps=11, normalize=normalize) for sample in batch])
    assert torch.equal(together, alone)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, 1.5])
@pytest.mark.parametrize("code", [latency_code_log, latency_code_linear])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (1,), ()])
def test_constant_data_normalize_to_finite_times_inside_the_steps(code, value, shape):
    times = code(torch.full(shape, value), num_steps=5, first_spike_time=1, normalize=True)
    assert times.shape == shape
    assert (times >= 1).all()
    assert (times <= 4).all()


def test_times_that_are_all_zero_normalize_to_the_first_step():
    # In float32 1 / (1 - 1e-30) is 1, whose logarithm is 0.
    times = latency_code_log(torch.ones(3), num_steps=5, threshold=1e-30, first_spike_time=2, normalize=True)
    assert times.tolist() == [2.0, 2.0, 2.0]


def test_values_above_one_stretch_their_own_sample_only():
    data = torch.tensor([[2.0, 1.0, 0.0], [1.0, 0.5, 1.0]], dtype=torch.float64)
    times = latency_code_linear(data, num_steps=5, first_spike_time=0, threshold=0.5, normalize=True)
    # Row 0: times -4, 0 and 2 (clamped at the threshold), stretched by 4 / 6 from -4: 0, 8/3, 4. Row 1: -4 (x - 1).
    assert times[0].tolist() == pytest.approx([0.0, 8 / 3, 4.0])
    assert times[1].tolist() == pytest.approx([0.0, 2.0, 0.0])


def test_values_below_the_threshold_are_named():
    _, below = latency_code(torch.tensor([0.0, 0.01, 0.02]), threshold=0.01)
    assert below.tolist() == [True, False, False]


@pytest.mark.parametrize("linear", [False, True])
def test_the_code_chosen_is_the_one_returned(linear):
    times, _ = latency_code(DATA, 7, 0.05, 2.0, 1, False, linear, 1e-6)
    code = (
        latency_code_linear(DATA, 7, 0.05, 2.0, 1) if linear else latency_code_log(DATA, 7, 0.05, 2.0, 1, False, 1e-6)
    )
    assert torch.equal(times, code)


@pytest.mark.parametrize("code", [latency_code_log, latency_code_linear])
@pytest.mark.parametrize("normalize", [False, True])
def test_times_are_differentiable_in_the_data(code, normalize):
    data = torch.tensor([[0.2, 0.45, 0.9], [0.3, 1.6, 0.7]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: code(x, num_steps=7, normalize=normalize), data)


def test_constant_data_have_finite_gradients():
    data = torch.full((2, 3), 1.5, dtype=torch.float64, requires_grad=True)
    latency_code_linear(data, num_steps=5, normalize=True).sum().backward()
    assert data.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("linear", [False, True])
def test_times_keep_the_dtype_and_are_finite(dtype, linear):
    times, below = latency_code(torch.tensor([0.0, 0.5, 1.0], dtype=dtype), linear=linear)
    assert times.dtype == dtype
    assert below.dtype == torch.bool
    assert times.isfinite().all()


def test_integers_do_not_wrap_around():
    # In uint8 arithmetic 0 - 1 would be 255.
    times = latency_code_linear(torch.tensor([0, 1], dtype=torch.uint8), tau=4)
    assert times.tolist() == pytest.approx([3.96, 0.0])


@pytest.mark.parametrize("code", [latency_code_log, latency_code_linear])
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"threshold": 0}, "threshold must be between 0 and 1, both excluded, got 0"),
        ({"threshold": 1}, "threshold must be between 0 and 1, both excluded, got 1"),
        ({"tau": 0}, "tau must be greater than 0, .*, got 0"),
        ({"tau": -1}, "tau must be greater than 0, .*, got -1"),
        ({"num_steps": -3}, "num_steps must be at least 0, got -3"),
        ({"first_spike_time": -1}, "first_spike_time must be at least 0, got -1"),
        ({"num_steps": 5, "first_spike_time": 5}, "first_spike_time must be at most 4, .*, got 5"),
        ({"normalize": True}, "normalize=True needs it"),
    ],
)
def test_arguments_out_of_range_are_refused(code, kwargs, message):
    with pytest.raises(ValueError, match=message):
        code(torch.rand(3), **kwargs)


def test_a_first_spike_time_needs_data_between_zero_and_one():
    with pytest.raises(ValueError, match=r"data must be in \[0, 1\] .*, got values in \[-1\.0, 2\.0\]"):
        latency_code_linear(torch.tensor([-1.0, 2.0]), num_steps=5, first_spike_time=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_epsilon_is_refused_or_keeps_the_times_finite(dtype):
    accepted, refusals = 0, 0
    for threshold in (1e-30, 0.01, 0.3, 0.5, 0.7, 1 - 1e-9):
        for digits in (0.2, 0.5, 1.0, 1.5, 1.99, 2.0, 3.0):
            epsilon = digits * threshold * torch.finfo(dtype).eps
            data = torch.tensor([0.0, threshold, 1.0], dtype=dtype)
            before = data.clone()
            try:
                times = latency_code_log(data, threshold=threshold, epsilon=epsilon)
            except ValueError as error:
                refusals += "make a difference in" in str(error)
                continue
            accepted += 1
            assert times.isfinite().all(), (threshold, epsilon)
            assert torch.equal(data, before)
    assert accepted
    assert refusals


def test_an_epsilon_that_makes_no_difference_is_refused():
    with pytest.raises(ValueError, match=r"epsilon must make a difference in torch\.float32, .*, got 1e-12"):
        latency_code_log(torch.rand(3), epsilon=1e-12)


def test_data_are_a_real_tensor():
    with pytest.raises(TypeError, match=r"data must be a torch\.Tensor, got float"):
        latency_code(0.5)
    with pytest.raises(TypeError, match="complex"):
        latency_code(torch.zeros(2, dtype=torch.complex64))


def test_values_above_one_alone_fire_before_the_first_spike_time():
    # tau (1 - x) + f is -1 + 1 for 2, and 0.99 + 1 at the threshold.
    times = latency_code_linear(torch.tensor([2.0, 0.0]), num_steps=5, first_spike_time=1)
    assert times.tolist() == pytest.approx([0, 1.99])


def test_values_below_zero_alone_fire_with_the_threshold():
    times = latency_code_linear(torch.tensor([-0.5, 1.0]), num_steps=5, first_spike_time=1)
    assert times.tolist() == pytest.approx([1.99, 1])
