"""Targets for labels: rates, latencies, ramps, and the code chosen by name."""

import pytest
import torch

from snn_spikegen import (
    latency,
    rate_interpolate,
    target_rate_code,
    targets_convert,
    targets_latency,
    targets_rate,
    to_one_hot,
)

LABELS = torch.tensor([2, 0, 1, 2, 4])
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("pair", [(1, 0.5), (0.8, 0.2), (0.5, 0.5), (0.4, 0), (0, 0)])
@pytest.mark.parametrize("classes", [5, 7])
@pytest.mark.parametrize("interpolate", [False, True])
@pytest.mark.parametrize("pattern", ["regular", "uniform", "poisson"])
def test_every_neuron_follows_the_train_of_its_rate(pair, classes, interpolate, pattern):
    steps, first = 7, 1
    code = targets_rate(LABELS, classes, steps, first, *pair, 1.5, 0.25, pattern, interpolate, generator=seeded())
    assert code.shape == (steps, 5, classes)
    generator = seeded()
    trains = []
    for rate in pair:
        spikes, times = target_rate_code(steps, first, rate, pattern, generator=generator)
        trains.append(rate_interpolate(times, steps, 1.5, 0.25) if interpolate else spikes * 1.25 + 0.25)
    for sample, label in enumerate(LABELS.tolist()):
        for neuron in range(classes):
            assert torch.equal(code[:, sample, neuron], trains[neuron != label])


def test_rates_worked_out_by_hand():
    # T = 5, C = 3: rate 0.5 fires at steps 0, 2, 4; rate 0.25 at 0, 4.
    code = targets_rate(torch.tensor([1, 2]), 3, num_steps=5, correct_rate=0.5, incorrect_rate=0.25)
    assert code[:, 0].T.tolist() == [[1, 0, 0, 0, 1], [1, 0, 1, 0, 1], [1, 0, 0, 0, 1]]
    assert code[:, 1].T.tolist() == [[1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 0, 1, 0, 1]]


@pytest.mark.parametrize("steps", [{}, {"num_steps": 5}])
@pytest.mark.parametrize(("on", "off"), [(1, 0), (1.25, 0.25), (1, -1), (-1, -2), (0, 1)])
def test_targets_that_never_change_have_no_time_and_are_on_or_off(on, off, steps):
    code = targets_rate(torch.tensor([1, 0]), 3, on_target=on, off_target=off, **steps)
    assert code.tolist() == [[off, on, off], [on, off, off]]


@pytest.mark.parametrize(("on", "off"), [(1, 0), (1.25, 0.25), (1, -1), (-1, -2), (0, 1)])
@pytest.mark.parametrize("rates", [{}, {"correct_rate": 0.5}])
def test_targets_that_change_are_on_or_off(on, off, rates):
    code = targets_rate(torch.tensor([1]), 2, num_steps=3, first_spike_time=2, on_target=on, off_target=off, **rates)
    assert code[:, 0].tolist() == [[off, off], [off, off], [off, on]]


def test_a_delayed_spike_has_a_ramp_up_to_it():
    # Spikes at 4 and 5: the ramp from 0 to 4 rises by a quarter a step, the next spike has none.
    code = targets_rate(torch.tensor([1]), 2, num_steps=6, first_spike_time=4, interpolate=True)
    assert code[:, 0, 1].tolist() == [0, 0.25, 0.5, 0.75, 1, 1]
    assert code[:, 0, 0].tolist() == [0] * 6


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("interpolate", [False, True])
def test_latency_targets_are_the_latency_code_of_the_rows(linear, clip, interpolate):
    options = {
        "num_steps": 9,
        "first_spike_time": 1,
        "on_target": 1.25,
        "off_target": 0.25,
        "interpolate": interpolate,
        "threshold": 0.05,
        "tau": 1.5,
        "clip": clip,
        "normalize": True,
        "linear": linear,
        "epsilon": 1e-4,
    }
    expected = latency(to_one_hot(LABELS, 5), **options)
    assert torch.equal(targets_latency(LABELS, 5, **options), expected)
    assert torch.equal(targets_convert(LABELS, 5, code="latency", **options), expected)


def test_latency_targets_worked_out_by_hand():
    # Linear, tau 5: the right class fires at 0, the others at round(5 (1 - 0.2)) = 4.
    code = targets_convert(
        torch.tensor([1]), 2, "latency", 5, linear=True, tau=5, threshold=0.2, on_target=2, off_target=1
    )
    assert code[:, 0, 1].tolist() == [2, 1, 1, 1, 1]
    assert code[:, 0, 0].tolist() == [1, 1, 1, 1, 2]
    ramp = targets_convert(torch.tensor([1]), 2, "latency", 5, linear=True, tau=5, threshold=0.2, interpolate=True)
    assert ramp[:, 0, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_epsilon_says_where_wrong_classes_saturate():
    # ln((0.5 + 0.5) / 0.5) = 0.69 for both: step 1; with epsilon 0.01 the wrong class waits until ln(51) = 3.9.
    at = {"num_steps": 6, "threshold": 0.5}
    assert targets_convert(torch.tensor([0]), 2, "latency", epsilon=0.5, **at)[:, 0].argmax(0).tolist() == [1, 1]
    assert targets_convert(torch.tensor([0]), 2, "latency", epsilon=0.01, **at)[:, 0].argmax(0).tolist() == [1, 4]


def test_spikes_past_the_last_step_are_dropped_on_request_only():
    with pytest.raises(ValueError, match="bypass=True"):
        targets_convert(LABELS, 5, code="latency", num_steps=5)
    code = targets_convert(LABELS, 5, code="latency", num_steps=5, bypass=True)
    assert torch.equal(code.sum(0), to_one_hot(LABELS, 5))


@pytest.mark.parametrize("dtype", DTYPES)
def test_labels_in_a_floating_dtype_keep_it(dtype):
    labels = LABELS.to(dtype)
    assert targets_rate(labels, 5).dtype == dtype
    assert targets_rate(labels, 5, 7, 0, 0.8, 0.2).dtype == dtype
    assert targets_rate(labels, 5, 7, 0, 0.8, 0.2, interpolate=True).dtype == dtype
    assert targets_latency(labels, 5, 7, normalize=True).dtype == dtype


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_integer_labels_give_the_default_dtype(dtype):
    code = targets_rate(LABELS.to(dtype), 5, 7, 0, 0.8, 0.2)
    assert torch.equal(code, targets_rate(LABELS, 5, 7, 0, 0.8, 0.2))
    assert code.dtype == torch.get_default_dtype()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("steps", "first", "correct", "incorrect"),
    [(3001, 0, 0.001, 0.0005), (1000, 0, 0.5, 0), (3000, 1, 1 / 3, 0.1), (3000, 1, 1, 0)],
)
def test_ramps_in_half_precision_are_the_rounded_ones(dtype, steps, first, correct, incorrect):
    half = targets_rate(torch.tensor([1.0], dtype=dtype), 2, steps, first, correct, incorrect, interpolate=True)
    full = targets_rate(torch.tensor([1.0]), 2, steps, first, correct, incorrect, interpolate=True)
    assert torch.equal(half, full.to(dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_ramps_in_half_precision_are_on_at_the_spikes(dtype):
    # Multiples of 3 from 1: 1, 4, ..., 2998.
    code = targets_rate(torch.tensor([1.0], dtype=dtype), 2, 3000, 1, 1 / 3, interpolate=True)
    assert (code[:, 0, 1] == 1).nonzero().flatten().tolist() == list(range(1, 3000, 3))


@pytest.mark.parametrize(
    ("shape", "expected"), [((0,), (7, 0, 5)), ((2, 3), (7, 2, 3, 5)), ((), (7, 5)), ((3, 0), (7, 3, 0, 5))]
)
def test_every_axis_of_the_labels_stays(shape, expected):
    labels = torch.zeros(shape, dtype=torch.int64)
    assert targets_rate(labels, 5, 7, correct_rate=0.5).shape == expected
    assert targets_rate(labels, 5).shape == expected[1:]
    assert targets_latency(labels, 5, 7, normalize=True).shape == expected
    assert targets_convert(labels, 5, num_steps=7, first_spike_time=1).shape == expected


@pytest.mark.parametrize("pattern", ["uniform", "poisson"])
def test_a_generator_leaves_the_global_one_alone(pattern):
    before = torch.get_rng_state()
    options = {"num_steps": 50, "correct_rate": 0.6, "incorrect_rate": 0.3, "firing_pattern": pattern}
    code = targets_convert(LABELS, 5, **options, generator=seeded())
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(code, targets_rate(LABELS, 5, **options, generator=seeded()))
    assert not torch.equal(code, targets_rate(LABELS, 5, **options, generator=seeded(1)))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"correct_rate": 0.5}, "num_steps is not given.*correct_rate=0.5"),
        ({"first_spike_time": 2}, "num_steps is not given.*first_spike_time=2"),
        (
            {"num_steps": 7, "correct_rate": 0.2, "incorrect_rate": 0.5},
            "incorrect_rate must be at most correct_rate=0.2, got 0.5",
        ),
        ({"code": "ttfs"}, "code must be 'rate' or 'latency', got 'ttfs'"),
        ({"code": "latency"}, "num_steps is not given"),
    ],
)
def test_arguments_that_do_not_fit_together_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        targets_convert(LABELS, 5, **kwargs)
