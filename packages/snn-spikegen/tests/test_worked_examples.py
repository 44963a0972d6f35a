"""Calls that users of snnTorch know from its documentation, with the results shown there."""

import pytest
import torch

import snn_spikegen as spikegen

FEATURES = torch.tensor([0.02, 0.5, 1.0])
RISING, JUMPING = torch.tensor([1, 2, 2.9, 3, 3.9]), torch.tensor([1, 2, 0, 2, 2.9])
TIMES = torch.tensor([0.0, 4.0])
LAST_OF_FIVE, TWO_OF_FOUR = torch.tensor([4.0]), torch.tensor([0.0, 3.0])


def close(result, expected):
    torch.testing.assert_close(result, torch.tensor(expected), rtol=0, atol=5e-5)


def test_certain_rates_always_and_never_fire():
    assert spikegen.rate(torch.ones(4), num_steps=1).tolist() == [[1, 1, 1, 1]]
    assert spikegen.rate(torch.zeros(4), num_steps=1).tolist() == [[0, 0, 0, 0]]
    assert spikegen.rate_conv(torch.ones(4)).tolist() == [1, 1, 1, 1]
    assert spikegen.rate_conv(torch.zeros(4)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("steps", [1, 2])
def test_even_chances_give_ones_and_zeros_time_first(steps):
    spikes = spikegen.rate(torch.full((4,), 0.5), num_steps=steps)
    assert spikes.size() == (steps, 4)
    assert set(spikes.unique().tolist()) <= {0, 1}
    assert set(spikegen.rate_conv(torch.full((4,), 0.5)).tolist()) <= {0, 1}


def test_latencies_of_three_features():
    close(
        spikegen.latency(FEATURES, num_steps=5, normalize=True, linear=True),
        [[0.0, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]],
    )
    times, below = spikegen.latency_code(FEATURES, num_steps=5, normalize=True, linear=True)
    close(times, [3.92, 2, 0])
    assert below.tolist() == [False, False, False]
    close(spikegen.latency_code_linear(FEATURES, num_steps=5, normalize=True), [3.92, 2, 0])
    close(spikegen.latency_code(FEATURES, num_steps=5, normalize=True)[0], [4, 0.1166, 0.0580])
    close(spikegen.latency_code_log(FEATURES, num_steps=5, normalize=True), [4, 0.1166, 0.0580])


@pytest.mark.parametrize(
    ("data", "options", "expected"),
    [
        (RISING, {}, [1, 1, 0, 0, 0]),
        (RISING, {"padding": True}, [0, 1, 0, 0, 0]),
        (JUMPING, {"off_spike": True}, [1, 1, -1, 1, 0]),
        (JUMPING, {"off_spike": True, "padding": True}, [0, 1, -1, 1, 0]),
    ],
)
def test_changes_of_one_and_more(data, options, expected):
    assert spikegen.delta(data, threshold=1, **options).tolist() == expected


@pytest.mark.parametrize("function", [spikegen.targets_convert, spikegen.targets_rate])
def test_a_label_at_full_rate_is_its_one_hot_row_with_or_without_steps(function):
    assert function(LAST_OF_FIVE, num_classes=5).tolist() == [[0, 0, 0, 0, 1]]
    assert function(LAST_OF_FIVE, num_classes=5, num_steps=5).size() == (1, 5)


def test_two_rates_give_targets_in_time():
    options = {"num_classes": 5, "num_steps": 5, "correct_rate": 0.8, "incorrect_rate": 0.2}
    targets = spikegen.targets_convert(LAST_OF_FIVE, code="rate", **options)
    assert targets.size() == (5, 1, 5)
    # Multiples of 1.25 and of 5, below 5.
    assert targets[:, 0, 4].tolist() == [1, 1, 1, 1, 0]
    assert targets[:, 0, 0].tolist() == [1, 0, 0, 0, 0]


def test_a_first_spike_may_wait():
    targets = spikegen.targets_rate(LAST_OF_FIVE, num_classes=5, num_steps=5, first_spike_time=2)
    assert targets.size() == (5, 1, 5)
    assert targets[:, 0, 4].tolist() == [0, 0, 1, 1, 1]
    levels = {"on_target": 1.2, "off_target": 0.5}
    waiting = spikegen.targets_rate(LAST_OF_FIVE, num_classes=5, num_steps=5, first_spike_time=2, **levels)
    close(waiting[:, 0, 4], [0.5, 0.5, 1.2, 1.2, 1.2])


def test_a_quarter_of_the_steps_with_a_ramp_between_the_spikes():
    ramp = spikegen.targets_rate(
        LAST_OF_FIVE, num_classes=5, num_steps=5, correct_rate=0.25, on_target=1.2, off_target=0.5, interpolate=True
    )
    close(ramp[:, 0, 4], [1.2, 0.5, 0.7333, 0.9667, 1.2])


def test_the_right_class_fires_first_and_a_wrong_one_last():
    options = {"num_classes": 4, "num_steps": 5, "normalize": True}
    targets = spikegen.targets_latency(TWO_OF_FOUR, **options)
    assert targets.size() == (5, 2, 4)
    assert targets[:, 0, 0].tolist() == [1, 0, 0, 0, 0]
    assert targets[:, 0, 1].tolist() == [0, 0, 0, 0, 1]
    ramps = spikegen.targets_latency(TWO_OF_FOUR, interpolate=True, **options)
    assert ramps[:, 0, 0].tolist() == [1, 0, 0, 0, 0]
    close(ramps[:, 0, 1], [0.0, 0.25, 0.5, 0.75, 1.0])


@pytest.mark.parametrize(
    ("options", "spikes", "times"),
    [
        ({"rate": 1}, [1, 1, 1, 1, 1], [0, 1, 2, 3, 4]),
        ({"rate": 1, "first_spike_time": 3}, [0, 0, 0, 1, 1], [3, 4]),
        ({"rate": 0.3}, [1, 0, 0, 1, 0], [0, 3]),
    ],
)
def test_one_neuron_fires_at_its_rate(options, spikes, times):
    result = spikegen.target_rate_code(num_steps=5, **options)
    assert [part.tolist() for part in result] == [spikes, times]


def test_drawn_spikes_come_with_their_times():
    spikes, times = spikegen.target_rate_code(num_steps=5, rate=0.3, firing_pattern="poisson")
    assert torch.equal(torch.where(spikes == 1)[0], times)


def test_ramps_to_spikes_of_one_neuron_and_of_several():
    close(spikegen.rate_interpolate(TIMES, num_steps=5), [1, 0, 0.3333, 0.6667, 1])
    levels = {"on_target": 1.25, "off_target": 0.25}
    close(spikegen.rate_interpolate(TIMES, num_steps=5, **levels), [1.25, 0.25, 0.5833, 0.9167, 1.25])
    close(spikegen.latency_interpolate(TIMES, num_steps=5).T, [[1.0, 0, 0, 0, 0], [0, 0.25, 0.5, 0.75, 1]])
    close(
        spikegen.latency_interpolate(TIMES, num_steps=5, **levels).T,
        [[1.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.5, 0.75, 1.0, 1.25]],
    )


def test_labels_become_rows_and_rows_labels():
    rows = spikegen.to_one_hot(torch.tensor([0, 1, 2, 3]), num_classes=4)
    assert torch.equal(rows, torch.eye(4))
    assert spikegen.from_one_hot(rows).tolist() == [0, 1, 2, 3]
    assert spikegen.to_one_hot_inverse(torch.tensor([0.0, 0, 0, 0, 1])).tolist() == [1, 1, 1, 1, 0]
