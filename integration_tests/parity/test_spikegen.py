"""snn_spikegen beside the peer's spikegen: one call, one answer."""

from __future__ import annotations

import inspect
from itertools import product

import pytest
import torch
from snntorch import spikegen as peer

import snn_spikegen as ours

NAMES = [name for name, _ in inspect.getmembers(peer, inspect.isfunction) if not name.startswith("_")]

# Values around the default threshold, both ends, and a row without any value below it in the other samples.
SAMPLE = torch.tensor([[0.0, 0.005, 0.01, 0.02, 0.3, 0.5, 0.97, 1.0]])
BATCH = torch.cat((SAMPLE, SAMPLE.flip(1), SAMPLE.roll(3, 1))).reshape(3, 4, 2)


def arguments(**choices):
    """Every combination of the choices, as keyword arguments."""
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def test_every_function_of_the_peer_is_here():
    assert len(NAMES) == 16
    assert set(NAMES) <= set(ours.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_a_signature_is_the_peers_and_more_only_by_keyword(name):
    parameters = inspect.signature(getattr(ours, name)).parameters.values()
    expected = inspect.signature(getattr(peer, name)).parameters.values()
    shared = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
    assert [(p.name, p.default) for p in shared] == [(p.name, p.default) for p in expected]


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 1, 3)])
@pytest.mark.parametrize("options", arguments(gain=[1, 0.5], offset=[0, 0.25], first_spike_time=[0, 2]))
def test_one_seed_draws_the_same_static_rate_code(shape, options):
    data = torch.rand(shape)
    torch.manual_seed(1)
    result = ours.rate(data, num_steps=5, **options)
    torch.manual_seed(1)
    assert torch.equal(result, peer.rate(data, num_steps=5, **options))


@pytest.mark.parametrize("first_spike_time", [0, 2])
def test_one_seed_draws_the_same_varying_rate_code(first_spike_time):
    data = torch.rand(5, 3, 7) * 1.5 - 0.25
    torch.manual_seed(1)
    with pytest.warns(UserWarning, match="are clamped to probabilities"):
        result = ours.rate(data, first_spike_time=first_spike_time, time_var_input=True)
    torch.manual_seed(1)
    assert torch.equal(result, peer.rate(data, first_spike_time=first_spike_time, time_var_input=True))
    torch.manual_seed(1)
    result = ours.rate_conv(data)
    torch.manual_seed(1)
    assert torch.equal(result, peer.rate_conv(data))


LATENCY = arguments(num_steps=[17], threshold=[0.01, 0.3], tau=[1, 0.4], first_spike_time=[0, 1], linear=[False, True])


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("options", LATENCY)
@pytest.mark.parametrize("data", [SAMPLE[0], SAMPLE, BATCH], ids=["1-D", "one sample", "batch"])
def test_spike_times_are_the_peers(data, options, normalize):
    result, below = ours.latency_code(data, normalize=normalize, **options)
    expected, below_there = peer.latency_code(data, normalize=normalize, **options)
    assert torch.equal(result, expected)
    assert torch.equal(below, below_there)


@pytest.mark.parametrize("options", arguments(normalize=[False, True], first_spike_time=[0, 2], tau=[1, 3]))
def test_each_code_by_its_own_name_is_the_peers(options):
    data, expected = SAMPLE[0].clone().requires_grad_(), SAMPLE[0].clone().requires_grad_()
    for name in ("latency_code_log", "latency_code_linear"):
        a = getattr(ours, name)(data, num_steps=9, **options)
        b = getattr(peer, name)(expected, num_steps=9, **options)
        assert torch.equal(a, b)
        weights = torch.arange(1.0, 9.0)
        (grad,) = torch.autograd.grad((a * weights).sum(), data)
        (grad_there,) = torch.autograd.grad((b * weights).sum(), expected)
        torch.testing.assert_close(grad, grad_there, rtol=1e-6, atol=1e-6)


def test_linear_times_of_a_sample_above_one_stretch_as_the_peers():
    data = torch.tensor([2.0, 1.25, 0.5, 0.0])
    result = ours.latency_code_linear(data, num_steps=9, normalize=True)
    assert torch.equal(result, peer.latency_code_linear(data, num_steps=9, normalize=True))


def test_normalized_times_differ_only_where_the_peers_depend_on_the_batch():
    data = torch.tensor([[0.02, 0.5, 1.0], [0.3, 0.7, 0.9]])
    result = ours.latency_code_log(data, num_steps=5, normalize=True)
    alone = torch.cat([peer.latency_code_log(sample[None], num_steps=5, normalize=True) for sample in data])
    assert torch.equal(result, alone)
    assert not torch.equal(result, peer.latency_code_log(data, num_steps=5, normalize=True))


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("bypass", [False, True])
@pytest.mark.parametrize("options", LATENCY)
def test_latency_spikes_are_the_peers(options, normalize, clip, bypass):
    options = {**options, "normalize": normalize, "clip": clip, "bypass": bypass}
    assert torch.equal(ours.latency(BATCH, **options), peer.latency(BATCH, **options))


@pytest.mark.parametrize(
    "options", arguments(tau=[1, 2, 5], linear=[False, True], clip=[False, True], num_steps=[False, 1, 3, 6])
)
def test_spikes_that_come_too_late_are_dropped_as_the_peers(options):
    if options["num_steps"] is False:
        del options["num_steps"]
    result = ours.latency(BATCH, bypass=True, **options)
    assert torch.equal(result, peer.latency(BATCH, bypass=True, **options))


@pytest.mark.parametrize("options", arguments(on_target=[1, 1.25], off_target=[0, 0.25]))
@pytest.mark.parametrize("interpolate", [False, True])
@pytest.mark.parametrize("linear", [False, True])
def test_targets_and_ramps_are_the_peers(options, interpolate, linear):
    options = {**options, "num_steps": 9, "normalize": True, "linear": linear, "interpolate": interpolate}
    assert torch.equal(ours.latency(BATCH, **options), peer.latency(BATCH, **options))


@pytest.mark.parametrize("num_steps", [1, 4, 5, 7])
@pytest.mark.parametrize("times", [[0.0, 4.0], [1.0, 2.4, 9.0], [0.0], [5.0, 6.0, 3.6]])
def test_interpolation_is_the_peers(times, num_steps):
    times = torch.tensor(times)
    result = ours.latency_interpolate(times, num_steps, on_target=1.25, off_target=0.25)
    assert torch.equal(result, peer.latency_interpolate(times, num_steps, on_target=1.25, off_target=0.25))


def test_long_ramps_differ_from_the_peers_in_the_last_bit_of_the_spike_alone():
    # t * (1 / t) is 1 - 6e-8 for some t; ours is on_target exactly.
    times = torch.arange(102.0)
    result, expected = ours.latency_interpolate(times, 100), peer.latency_interpolate(times, 100)
    spike = torch.arange(100.0).unsqueeze(1) == times
    assert torch.equal(result[~spike], expected[~spike])
    torch.testing.assert_close(result, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("options", arguments(threshold=[0, 0.1, 0.5], padding=[False, True], off_spike=[False, True]))
@pytest.mark.parametrize("shape", [(7,), (5, 3), (4, 3, 2)])
def test_delta_spikes_are_the_peers(shape, options):
    data = torch.randn(shape)
    assert torch.equal(ours.delta(data, **options), peer.delta(data, **options))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.float32])
def test_one_hot_rows_are_the_peers(dtype):
    targets = torch.tensor([3, 0, 1, 3], dtype=dtype)
    rows = ours.to_one_hot(targets, 5)
    assert torch.equal(rows, peer.to_one_hot(targets, 5))
    assert torch.equal(ours.to_one_hot_inverse(rows), peer.to_one_hot_inverse(rows))


def test_labels_of_an_identity_are_the_peers():
    # The peer returns the numbers of the rows, which are the labels of this matrix alone.
    assert torch.equal(ours.from_one_hot(torch.eye(5)), peer.from_one_hot(torch.eye(5)))
