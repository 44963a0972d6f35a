"""Encoders and targets: where the peer is wrong or raises, and the number that is right, worked out by hand."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from snntorch import spikegen as peer

import snn_spikegen as ours

LABELS = torch.tensor([1, 2])


@pytest.mark.parametrize("name", ["rate", "rate_conv", "target_rate_code", "targets_rate", "targets_convert"])
def test_random_functions_take_a_generator(name):
    assert "generator" in inspect.signature(getattr(ours, name)).parameters
    assert "generator" not in inspect.signature(getattr(peer, name)).parameters


def test_rate_targets_have_one_neuron_a_class_at_any_number_of_steps():
    # Rate 0.5 fires at steps 0, 2, 4 and rate 0.25 at 0, 4.
    options = {"num_classes": 3, "correct_rate": 0.5, "incorrect_rate": 0.25}
    code = ours.targets_rate(LABELS, num_steps=5, **options)
    assert code[:, 0].T.tolist() == [[1, 0, 0, 0, 1], [1, 0, 1, 0, 1], [1, 0, 0, 0, 1]]
    assert code[:, 1].T.tolist() == [[1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 0, 1, 0, 1]]
    with pytest.raises(RuntimeError, match="must match"):
        peer.targets_rate(LABELS, num_steps=5, **options)
    assert ours.targets_rate(LABELS, num_steps=3, **options)[:, 0].T.tolist() == [[1, 0, 0], [1, 0, 1], [1, 0, 0]]
    assert peer.targets_rate(LABELS, num_steps=3, **options).dim() == 5


def test_a_negative_level_stays_what_it_is():
    assert ours.targets_rate(LABELS, 3, off_target=-1).tolist() == [[-1, 1, -1], [-1, -1, 1]]
    assert peer.targets_rate(LABELS, 3, off_target=-1).tolist() == [[0, 1, 0], [0, 0, 1]]
    # Linear and normalized over three steps: 1 fires at step 0, 0 at step 2.
    for package, low in ((ours, -1), (peer, 0)):
        spikes = package.latency(torch.tensor([1.0, 0.0]), 3, normalize=True, linear=True, off_target=-1)
        assert spikes.T.tolist() == [[1, low, low], [low, low, 1]]


def test_a_delayed_target_has_the_ramp_that_is_asked_for():
    # Spikes at 4 and 5: from 0 to 4 a quarter a step.
    options = {"num_classes": 3, "num_steps": 6, "first_spike_time": 4, "interpolate": True}
    assert ours.targets_rate(LABELS, **options)[:, 0, 1].tolist() == [0, 0.25, 0.5, 0.75, 1, 1]
    assert peer.targets_rate(LABELS, **options)[:, 0, 1].tolist() == [0, 0, 0, 0, 1, 1]


def test_latency_targets_by_name_honor_levels_ramps_and_epsilon():
    # Linear, tau 5, threshold 0.2: the right class fires at 0, a wrong one at round(5 (1 - 0.2)) = 4.
    options = {"code": "latency", "num_steps": 5, "linear": True, "tau": 5, "threshold": 0.2}
    levels = {"on_target": 2, "off_target": 1}
    assert ours.targets_convert(LABELS, 3, **options, **levels)[:, 0, 0].tolist() == [1, 1, 1, 1, 2]
    assert peer.targets_convert(LABELS, 3, **options, **levels)[:, 0, 0].tolist() == [0, 0, 0, 0, 1]
    assert ours.targets_convert(LABELS, 3, **options, interpolate=True)[:, 0, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert peer.targets_convert(LABELS, 3, **options, interpolate=True)[:, 0, 0].tolist() == [0, 0, 0, 0, 1]
    # ln(0.51 / 0.01) = 3.93: step 4; with the epsilon that is not asked for ln(0.5 / 1e-7) = 15.4.
    late = {"code": "latency", "num_steps": 5, "threshold": 0.5, "epsilon": 0.01}
    assert ours.targets_convert(LABELS, 3, **late)[:, 0, 0].tolist() == [0, 0, 0, 0, 1]
    with pytest.raises(Exception, match="out of"):
        peer.targets_convert(LABELS, 3, **late)


def test_a_clipped_value_has_no_ramp():
    options = {"num_steps": 5, "normalize": True, "linear": True, "interpolate": True, "clip": True}
    assert ours.latency(torch.tensor([0.0]), **options).tolist() == [[0]] * 5
    assert peer.latency(torch.tensor([0.0]), **options).flatten().tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_rows_become_labels_and_not_row_numbers():
    rows = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert ours.from_one_hot(rows).tolist() == [2, 0, 2]
    assert peer.from_one_hot(rows).tolist() == [0, 1, 2]


def test_uniform_draws_exactly_the_rounded_share_of_the_steps():
    # All of 5 steps; round(0.35 * 20) = 7.
    counts = {ours: set(), peer: set()}
    for seed in range(20):
        for package, result in counts.items():
            torch.manual_seed(seed)
            result.add(int(package.target_rate_code(20, 0, 0.35, "uniform")[0].sum()))
        assert ours.target_rate_code(5, 0, 1, "uniform")[0].tolist() == [1] * 5
    assert counts[ours] == {7}
    assert min(counts[peer]) < 7


@pytest.mark.parametrize(("steps", "rate", "count"), [(20, 0.65, 13), (25, 0.28, 7), (50, 0.14, 7)])
def test_a_regular_spike_after_the_last_step_is_dropped(steps, rate, count):
    assert int(ours.target_rate_code(steps, 0, rate)[0].sum()) == count == round(steps * rate)
    with pytest.raises(RuntimeError, match="out of bounds"):
        peer.target_rate_code(steps, 0, rate)


def test_constant_input_normalizes_to_the_first_step_it_may_have():
    # Nothing to stretch: the one time there is goes to step f.
    above = torch.full((3,), 1.5)
    assert ours.latency_code_linear(above, num_steps=5, normalize=True).tolist() == [0, 0, 0]
    assert ours.latency_code_linear(above, num_steps=5, first_spike_time=1, normalize=True).tolist() == [1, 1, 1]
    assert peer.latency_code_linear(above, num_steps=5, normalize=True).isnan().all()
    # In float32 1 / (1 - 1e-30) is 1, whose logarithm is 0.
    options = {"num_steps": 5, "threshold": 1e-30, "normalize": True}
    assert ours.latency_code_log(torch.ones(3), **options).tolist() == [0, 0, 0]
    assert peer.latency_code_log(torch.ones(3), **options).isnan().all()
    # Two times that are alike and above zero stretch to the last step, in both.
    for package in (ours, peer):
        assert package.latency_code_log(torch.full((2,), 0.5), num_steps=5, normalize=True).tolist() == [4, 4]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_16_bit_floats_have_latencies(dtype):
    # ln(1 / 0.99) = 0.01 against ln(0.0100001 / 1e-7) = 11.5: steps 0 and 4 of five.
    data = torch.tensor([0.0, 1.0], dtype=dtype)
    spikes = ours.latency(data, num_steps=5, normalize=True)
    assert spikes.dtype == dtype
    assert spikes.argmax(0).tolist() == [4, 0]
    with pytest.raises(RuntimeError, match="out of bounds"):
        peer.latency(data, num_steps=5, normalize=True)


def test_doubles_stay_doubles():
    data = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert ours.latency(data, num_steps=5, normalize=True).dtype == torch.float64
    assert peer.latency(data, num_steps=5, normalize=True).dtype == torch.float32


@pytest.mark.parametrize("time", [2.0, 1.7, 2.3])
def test_a_ramp_ends_in_its_spike_however_its_levels_round(time):
    # In float32 0.6 + 0.1 lies above 0.7, and what lies above on_target is not a spike for the peer.
    levels = {"on_target": 0.7, "off_target": 0.1}
    result, expected = (p.latency_interpolate(torch.tensor([time]), 3, **levels) for p in (ours, peer))
    torch.testing.assert_close(result.flatten(), torch.tensor([0.1, 0.4, 0.7]))
    torch.testing.assert_close(expected.flatten(), torch.tensor([0.1, 0.4, 0.1]))
    # Linear, tau 2: 0.15 fires at 1.7, which is step 2.
    options = {"num_steps": 3, "tau": 2, "linear": True, "interpolate": True, **levels}
    result, expected = (p.latency(torch.tensor([1 - time / 2]).clamp(min=0), **options) for p in (ours, peer))
    torch.testing.assert_close(result.flatten(), torch.tensor([0.1, 0.4, 0.7]))
    torch.testing.assert_close(expected.flatten(), torch.tensor([0.1, 0.4, 0.1]))


def test_a_spike_between_two_steps_has_its_ramp_to_the_nearest():
    # The peer finds no step that is 4.4, and its two trailing values are all there is.
    assert ours.rate_interpolate(torch.tensor([4.4]), 7).tolist() == [0, 0.25, 0.5, 0.75, 1, 0, 0]
    assert peer.rate_interpolate(torch.tensor([4.4]), 7).tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"spike_time must be in \[0, 6\] with num_steps=7, got 7\.0"):
        ours.rate_interpolate(torch.tensor([6.6]), 7)
    # Two ramps of one call, to steps 2 and 4.
    for package in (ours, peer):
        ramps = package.latency_interpolate(torch.tensor([1.6, 4.4]), 5)
        assert ramps.T.tolist() == [[0, 0.5, 1, 0, 0], [0, 0.25, 0.5, 0.75, 1]]


def test_values_above_one_are_stretched_into_the_steps_that_are_left():
    # 1 - 1.25 and 1 - 0 are 1.25 apart and take the steps from 1 to 8.
    data = torch.tensor([1.25, 0.625, 0.0])
    for package, expected in ((ours, [1.0, 4.5, 8.0]), (peer, [0.0, 4.0, 8.0])):
        times = package.latency_code_linear(data, 9, threshold=1e-9, first_spike_time=1, normalize=True)
        torch.testing.assert_close(times, torch.tensor(expected))


def test_spikes_of_integers_are_floats():
    signal, rows = torch.tensor([0, 3, 3, 1]), torch.tensor([[0, 1]])
    assert ours.delta(signal, threshold=1, off_spike=True).tolist() == [0, 1, 0, -1]
    for value in (ours.delta(signal), ours.to_one_hot_inverse(rows), ours.to_one_hot_inverse(rows.bool())):
        assert value.dtype == torch.float32
    assert peer.delta(signal).dtype == peer.to_one_hot_inverse(rows).dtype == torch.int64
    assert peer.to_one_hot_inverse(rows.bool()).dtype == torch.bool
    assert ours.target_rate_code(5, rate=0)[1].dtype == torch.int64
    assert peer.target_rate_code(5, rate=0)[1].dtype == torch.float32


def test_a_gain_of_values_that_vary_in_time_is_not_silently_ignored():
    data = torch.ones(3, 2)
    with pytest.warns(UserWarning, match="gain and offset have no effect with time_var_input=True"):
        assert ours.rate(data, gain=0.0, time_var_input=True).equal(data)
    assert peer.rate(data, gain=0.0, time_var_input=True).equal(data)


def test_a_change_of_negative_size_is_refused():
    with pytest.raises(ValueError, match=r"threshold must be at least 0, as the size of a change, got -0\.1"):
        ours.delta(torch.tensor([1.0, 1.0]), threshold=-0.1)
    # All steps, those without a change too.
    assert peer.delta(torch.tensor([1.0, 1.0]), threshold=-0.1).tolist() == [1, 1]


def test_unsigned_integers_are_numbers():
    # From 2 to 1 is a fall of 1, and not the rise of 255 that 8 unsigned bits make of it.
    signal = torch.tensor([2, 1], dtype=torch.uint8)
    assert ours.delta(signal, threshold=1, off_spike=True).tolist() == [1, -1]
    assert peer.delta(signal, threshold=1).tolist() == [1, 1]
    assert ours.rate(torch.tensor([0, 1], dtype=torch.uint8), num_steps=2).tolist() == [[0, 1], [0, 1]]
    with pytest.raises(NotImplementedError):
        peer.rate(torch.tensor([0, 1], dtype=torch.uint8), num_steps=2)


def test_a_rate_code_of_values_out_of_range_differs():
    image = torch.tensor([0, 255], dtype=torch.uint8)
    with pytest.raises(ValueError, match="data / 255"):
        ours.rate(image, num_steps=2)
    with pytest.raises(NotImplementedError):
        peer.rate(image, num_steps=2)
    with pytest.warns(UserWarning, match="are clamped to probabilities"):
        spikes = ours.rate(image.float(), num_steps=2)
    assert spikes.equal(peer.rate(image.float(), num_steps=2))


def test_a_ramp_may_fall():
    # From 1 down to 0 in four steps.
    falling = {"num_steps": 5, "on_target": 0, "off_target": 1}
    assert ours.rate_interpolate(torch.tensor([4.0]), **falling).tolist() == [1, 0.75, 0.5, 0.25, 0]
    assert len(peer.rate_interpolate(torch.tensor([4.0]), **falling)) == 4


@pytest.mark.parametrize(
    ("name", "positional", "kind", "words"),
    [
        (
            "to_one_hot",
            (torch.tensor([3]), 3),
            Exception,
            r"targets must be integers in \[0, 2\] with num_classes=3, got 3",
        ),
        (
            "to_one_hot",
            (torch.tensor([-1]), 3),
            RuntimeError,
            r"targets must be integers in \[0, 2\] with num_classes=3, got -1",
        ),
        ("to_one_hot", (torch.tensor([1.5]), 3), None, r"targets must be integers .* with num_classes=3, got 1\.5"),
        (
            "latency",
            (torch.tensor([math.nan]), 5),
            RuntimeError,
            r"latency: data must be in \[0, 1\], got values in \[nan, nan\]",
        ),
        ("delta", (torch.tensor([0.0, math.nan]),), None, "data contains NaN"),
        ("target_rate_code", (5, 0, 0.5, "burst"), None, "firing_pattern must be one of .* got 'burst'"),
        (
            "rate_interpolate",
            (torch.tensor([9.0]), 5),
            None,
            r"spike_time must be in \[0, 4\] with num_steps=5, got 9\.0",
        ),
        (
            "targets_rate",
            (LABELS, 3, 5, 6),
            None,
            "first_spike_time must be at most 4, the last of num_steps=5 steps, got 6",
        ),
        ("rate", (torch.rand(3), -1), Exception, "num_steps must be at least 0, got -1"),
    ],
)
def test_errors_that_the_peer_ignores_or_leaves_unexplained_are_named(name, positional, kind, words):
    with pytest.raises(ValueError, match=words):
        getattr(ours, name)(*positional)
    if kind is None:
        getattr(peer, name)(*positional)
    else:
        with pytest.raises(kind) as error:
            getattr(peer, name)(*positional)
        assert error.type is kind
