"""Targets of snn_spikegen beside the peer's: labels, rates, latencies and the ramps between spikes."""

from __future__ import annotations

import pytest
import torch
from snntorch import spikegen as peer

import snn_spikegen as ours

from .test_spikegen import arguments

LABELS = torch.tensor([2, 0, 1, 2, 4])
# The peer clamps its targets from below, which is right where the wrong class is nearer to zero than the target.
LEVELS = [(1, 0), (1.25, 0.25), (2, 0.5)]
RATES = [0, 0.05, 0.07, 0.25, 0.3, 0.5, 0.77, 0.8, 1]


def same_ramps(result, expected):
    """Both walk along the same straight lines, each with rounding of its own."""
    torch.testing.assert_close(result, expected, rtol=0, atol=5e-7)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("first", [0, 1, 3])
@pytest.mark.parametrize("num_steps", [1, 4, 5, 7, 19, 99])
def test_regular_trains_are_the_peers(num_steps, first, rate):
    first = min(first, num_steps - 1)
    result, times = ours.target_rate_code(num_steps, first, rate)
    expected, times_there = peer.target_rate_code(num_steps, first, rate)
    assert torch.equal(result, expected)
    assert times.tolist() == times_there.tolist()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("num_steps", [5, 50])
def test_one_seed_draws_the_same_poisson_train(num_steps, first, rate):
    torch.manual_seed(1)
    result, times = ours.target_rate_code(num_steps, first, rate, "poisson")
    torch.manual_seed(1)
    expected, times_there = peer.target_rate_code(num_steps, first, rate, "poisson")
    assert torch.equal(result, expected)
    assert times.tolist() == times_there.tolist()


@pytest.mark.parametrize("times", [[], [0], [6], [0, 4], [1, 2, 5], [0, 1, 2, 3, 4, 5, 6], [3, 6], [5, 1, 1]])
@pytest.mark.parametrize("num_steps", [7, 8, 12])
@pytest.mark.parametrize(("on", "off"), [*LEVELS, (0.7, 0.1), (2, -1), (-1, -2)])
def test_ramps_between_spikes_are_the_peers(times, num_steps, on, off):
    times = torch.tensor(times, dtype=torch.float32)
    result = ours.rate_interpolate(times, num_steps, on_target=on, off_target=off)
    same_ramps(result, peer.rate_interpolate(times, num_steps, on_target=on, off_target=off))


@pytest.mark.parametrize("last", range(1, 200, 7))
def test_long_ramps_are_the_peers(last):
    times = torch.tensor([float(last)])
    same_ramps(ours.rate_interpolate(times, last + 1), peer.rate_interpolate(times, last + 1))


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
@pytest.mark.parametrize("num_steps", [False, 7])
@pytest.mark.parametrize(("on", "off"), [*LEVELS, (0, 1), (-1, 0.5)])
def test_constant_targets_are_the_peers(on, off, num_steps, dtype):
    for name in ("targets_rate", "targets_convert"):
        options = {"num_classes": 5, "num_steps": num_steps, "on_target": on, "off_target": off}
        result = getattr(ours, name)(LABELS.to(dtype), **options)
        assert torch.equal(result, getattr(peer, name)(LABELS.to(dtype), **options))


@pytest.mark.parametrize("first", [1, 2, 6])
@pytest.mark.parametrize(("on", "off"), LEVELS)
def test_delayed_targets_are_the_peers(on, off, first):
    for name in ("targets_rate", "targets_convert"):
        options = {"num_steps": 7, "first_spike_time": first, "on_target": on, "off_target": off}
        result = getattr(ours, name)(LABELS, 5, **options)
        assert torch.equal(result, getattr(peer, name)(LABELS, 5, **options))


@pytest.mark.parametrize("pattern", ["regular", "poisson"])
@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize(("right", "wrong"), [(0.8, 0.2), (0.5, 0.5), (0.4, 0), (1, 0.3), (0, 0)])
@pytest.mark.parametrize(("on", "off"), LEVELS)
def test_ramps_of_two_rates_are_the_peers_where_there_are_as_many_steps_as_classes(
    on, off, right, wrong, first, pattern
):
    options = {
        "num_classes": 6,
        "num_steps": 6,
        "first_spike_time": first,
        "correct_rate": right,
        "incorrect_rate": wrong,
        "on_target": on,
        "off_target": off,
        "firing_pattern": pattern,
        "interpolate": True,
    }
    for name in ("targets_rate", "targets_convert"):
        torch.manual_seed(1)
        result = getattr(ours, name)(LABELS, **options)
        torch.manual_seed(1)
        same_ramps(result, getattr(peer, name)(LABELS, **options))


LATENCY = arguments(
    threshold=[0.01, 0.3], tau=[0.4, 1], first_spike_time=[0, 1], clip=[False, True], linear=[False, True]
)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("options", LATENCY)
def test_latency_targets_are_the_peers(options, normalize):
    options = {**options, "num_steps": 19, "normalize": normalize}
    result = ours.targets_latency(LABELS, 5, **options)
    assert torch.equal(result, peer.targets_latency(LABELS, 5, **options))
    assert torch.equal(result, ours.targets_convert(LABELS, 5, "latency", **options))
    assert torch.equal(result, peer.targets_convert(LABELS, 5, "latency", **options))


@pytest.mark.parametrize(("on", "off"), LEVELS)
@pytest.mark.parametrize("interpolate", [False, True])
@pytest.mark.parametrize("linear", [False, True])
def test_levels_and_ramps_of_latency_targets_are_the_peers(linear, interpolate, on, off):
    options = {"num_steps": 9, "normalize": True, "linear": linear, "interpolate": interpolate}
    result = ours.targets_latency(LABELS, 5, on_target=on, off_target=off, **options)
    assert torch.equal(result, peer.targets_latency(LABELS, 5, on_target=on, off_target=off, **options))


@pytest.mark.parametrize("num_steps", [False, 3, 6])
@pytest.mark.parametrize("tau", [1, 5])
@pytest.mark.parametrize("linear", [False, True])
def test_latency_targets_that_come_too_late_are_dropped_as_the_peers(linear, tau, num_steps):
    options = {"num_steps": num_steps, "tau": tau, "linear": linear, "bypass": True}
    result = ours.targets_latency(LABELS, 5, **options)
    assert torch.equal(result, peer.targets_latency(LABELS, 5, **options))
