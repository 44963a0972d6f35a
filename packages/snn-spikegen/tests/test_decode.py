"""Spikes back to numbers: the errors of the round trips are those that the docstrings state."""

import math

import pytest
import torch

from snn_spikegen import burst, decode_latency, decode_rate, latency, rate, target_rate_code

VALUES = torch.linspace(0, 1, 1001, dtype=torch.float64)
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("steps", [10, 100, 1000])
@pytest.mark.parametrize(("gain", "offset", "first"), [(1, 0, 0), (0.5, 0.25, 3), (-1, 1, 0)])
def test_a_rate_comes_back_unbiased_and_within_its_standard_deviation(steps, gain, offset, first):
    generator = torch.Generator().manual_seed(0)
    spikes = rate(VALUES, steps, gain, offset, first, generator=generator)
    error = decode_rate(spikes, gain, offset, first) - VALUES
    p = gain * VALUES + offset
    deviation = (p * (1 - p) / (steps - first)).sqrt() / abs(gain)
    assert (deviation <= 1 / (2 * abs(gain) * math.sqrt(steps - first)) + 1e-12).all()
    # The mean over the values, and the mean square in units of the variance, five standard deviations each; the square
    # of a binomial error has excess kurtosis (1 - 6 p q) / n q p, hence values away from the ends.
    assert abs(error.mean()) < 5 * deviation.square().sum().sqrt() / len(VALUES)
    inner = (p > 0.2) & (p < 0.8)
    ratio = (error[inner] / deviation[inner]).square().mean().item()
    assert abs(ratio - 1) < 5 * math.sqrt(2.1 / inner.sum().item())


@pytest.mark.parametrize("steps", [1, 7, 100])
@pytest.mark.parametrize("share", [0, 0.05, 0.3, 0.5, 0.77, 1])
def test_a_regular_rate_comes_back_within_one_spike(steps, share):
    spikes, _ = target_rate_code(steps, rate=share, dtype=torch.float64)
    assert 0 <= decode_rate(spikes).item() - share < 1 / steps


def test_values_worked_out_by_hand():
    spikes = torch.tensor([[0, 1, 1], [0, 1, 0], [1, 1, 0], [1, 1, 0]], dtype=torch.uint8)
    assert decode_rate(spikes).tolist() == [0.5, 1, 0.25]
    assert decode_rate(spikes, gain=0.5, offset=0.25).tolist() == [0.5, 1.5, 0]
    assert decode_rate(spikes, first_spike_time=2).tolist() == [1, 1, 0]
    assert decode_rate(spikes, gain=torch.tensor([1.0, 2.0, 4.0])).tolist() == [0.5, 0.5, 0.0625]


def test_clamped_parameters_come_back_clamped():
    assert decode_rate(rate(torch.tensor([0.0, 1.0]), 5, gain=4, offset=-1)).tolist() == [0, 1]
    with pytest.warns(UserWarning, match="are clamped to probabilities"):
        spikes = rate(torch.tensor([-1.0, 3.0]), 5)
    assert decode_rate(spikes).tolist() == [0, 1]


def test_the_rate_is_differentiable_in_the_spikes():
    spikes = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]], requires_grad=True)
    decode_rate(spikes, gain=0.5, first_spike_time=2).sum().backward()
    # One of the two steps that count, over the gain.
    assert spikes.grad.tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]


def test_a_burst_comes_back_by_its_count():
    spikes = burst(VALUES, num_steps=20, max_spikes=5)
    assert torch.equal(decode_rate(spikes, gain=5 / 20), spikes.sum(0) / 5)


@pytest.mark.parametrize("tau", [0.6, 3, 20])
@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("clip", [False, True])
def test_a_linear_latency_comes_back_within_half_a_step(tau, first, clip):
    options = {"threshold": 0.1, "tau": tau, "first_spike_time": first, "linear": True}
    result = decode_latency(latency(VALUES, num_steps=25, clip=clip, **options), **options)
    above = VALUES >= 0.1
    assert (result - VALUES)[above].abs().max() <= 0.5 / tau + 1e-12
    if clip:
        assert not result[~above].any()
    else:
        assert (result[~above] - 0.1).abs().max() <= 0.5 / tau + 1e-12


@pytest.mark.parametrize("steps", [2, 7, 100])
@pytest.mark.parametrize("first", [0, 3])
def test_a_normalized_latency_comes_back_within_half_a_step(steps, first):
    spikes = latency(VALUES, num_steps=steps + first, first_spike_time=first, normalize=True, linear=True)
    result = decode_latency(spikes, first_spike_time=first, normalize=True, linear=True)
    assert (result - VALUES)[VALUES >= 0.01].abs().max() <= 0.5 / (steps - 1) + 1e-12


@pytest.mark.parametrize("tau", [1, 5, 40])
@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("threshold", [0.01, 0.3])
def test_a_logarithmic_latency_comes_back_within_half_a_step(tau, first, threshold):
    options = {"threshold": threshold, "tau": tau, "first_spike_time": first}
    data = VALUES[threshold + 1e-3 <= VALUES]
    spikes = latency(data, num_steps=2000, **options)
    result = decode_latency(spikes, **options)
    k = spikes.argmax(0) - first
    assert (k >= 0).all()
    late = k >= 1
    assert ((result - data).abs() <= result / (2 * k - 1) + 1e-12)[late].all()
    assert (result[~late] == 1).all()
    assert (data[~late] >= threshold / (1 - math.exp(-0.5 / tau)) - 1e-12).all()


def test_times_worked_out_by_hand():
    spikes = torch.zeros(9, 4, dtype=torch.float64)
    spikes[[2, 5, 8], [0, 1, 2]] = 1
    # Linear, tau 6, f 2: 1 - 0, 1 - 3 / 6, 1 - 6 / 6, and one that never fires.
    assert decode_latency(spikes, tau=6, first_spike_time=2, linear=True).tolist() == [1, 0.5, 0, 0]
    # Logarithmic, theta 0.2, tau 3 / ln 2: 0.2 / (1 - 1 / 2) after three steps, 0.2 / (1 - 1 / 4) after six.
    log = decode_latency(spikes, threshold=0.2, tau=3 / math.log(2), first_spike_time=2)
    assert log.tolist() == pytest.approx([1, 0.4, 0.8 / 3, 0])


def test_only_the_first_spike_of_a_neuron_counts():
    spikes = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=torch.bool)
    assert decode_latency(spikes, tau=4, linear=True).tolist() == [0.75, 0.5]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_dtype_stays_and_16_bit_floats_count_their_steps(dtype):
    spikes = torch.zeros(3001, 2, dtype=dtype)
    spikes[2999, 0] = 1
    assert decode_latency(spikes, tau=2999, linear=True).tolist() == [0, 0]
    result = decode_latency(spikes, tau=6000, linear=True)
    assert result.dtype == decode_rate(spikes).dtype == dtype
    assert result[0] == torch.tensor(1 - 2999 / 6000, dtype=dtype)


@pytest.mark.parametrize("decode", [decode_rate, decode_latency])
def test_an_empty_batch_has_no_values(decode):
    assert decode(torch.zeros(5, 0, 3)).shape == (0, 3)


def test_a_normalized_logarithmic_code_is_refused():
    with pytest.raises(ValueError, match=r"normalize is True.*linear=True"):
        decode_latency(torch.eye(3), normalize=True)


def test_one_step_tells_no_values_apart():
    with pytest.raises(ValueError, match=r"spikes must have a step after first_spike_time=2, .*, got 3 steps"):
        decode_latency(torch.tensor([0, 0, 1]), first_spike_time=2, normalize=True, linear=True)


def test_spikes_before_the_first_are_not_of_this_code():
    with pytest.raises(ValueError, match="spikes come before first_spike_time=2"):
        decode_latency(torch.eye(3), first_spike_time=2)
