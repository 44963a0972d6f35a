"""Every argument of every public function refuses what it cannot mean, and says its name, the value and the remedy."""

import inspect
import math

import pytest
import torch

import snn_spikegen

from .bad_values import (
    ARGUMENTS,
    AT_LEAST_ONE,
    FACTOR,
    NO_TIME,
    NUMBER,
    SIZED,
    STEPS,
    TENSOR,
    UNIT,
)
from .calls import CALLS, SPIKES, X, function

# Where a function asks for more or for less of an argument than the others do.
OF_ITS_OWN = {
    ("rate varying", "data"): [*SIZED, *NO_TIME],
    ("rate varying", "num_steps"): [(7, ValueError, "{0} is 7, but time_var_input=True takes the steps from axis 0")],
    ("rate varying", "first_spike_time"): STEPS,
    ("poisson", "rate"): [
        *TENSOR,
        *[
            (
                torch.tensor(hertz),
                ValueError,
                f"{{0}} must be at least 0 and at most 1000.0 Hz with dt=0.001 s, got values in [{hertz}, {hertz}]",
            )
            for hertz in (-1.0, 1001.0, math.inf, math.nan)
        ],
    ],
    ("delta", "data"): [*SIZED, *NO_TIME],
    ("delta", "threshold"): [
        *NUMBER,
        (-0.5, ValueError, "{0} must be at least 0, as the size of a change, got -0.5"),
    ],
    ("population", "data"): [
        *SIZED,
        (
            torch.tensor([0, 2]),
            ValueError,
            "{0} must be between low=0 and high=1, got values in [0.0, 2.0]. Fix: widen these, or clamp data",
        ),
    ],
    ("decode_rate", "gain"): [
        *FACTOR,
        (0, ValueError, "{0} is 0, and spikes drawn with it say nothing about the value. Fix: pass"),
    ],
    ("latency_interpolate", "on_target"): [
        *NUMBER,
        (-1, ValueError, "{0} must be at least off_target=0, got -1. Fix: swap them"),
    ],
    ("latency_interpolate", "spike_time"): [
        *TENSOR,
        (torch.tensor([1, -2]), ValueError, "{0} must be at least 0, as a step, got -2.0"),
        (torch.tensor([1, math.nan]), ValueError, "{0} must be at least 0, as a step, got nan"),
    ],
    ("rate_interpolate", "spike_time"): [
        *TENSOR,
        (
            torch.zeros(2, 3),
            ValueError,
            "{0} must contain the times of one neuron, [N], got shape (2, 3). Fix: pass one row",
        ),
        *[
            (
                torch.tensor([0.0, time]),
                ValueError,
                f"{{0}} must be in [0, 6] with num_steps=7, got {time}",
            )
            for time in (-1.0, 7.0, math.nan)
        ],
    ],
    **{(case, "data"): [*TENSOR, *UNIT] for case in CALLS if function(case).__name__ in ("latency", "phase", "burst")},
    **{
        (case, "num_steps"): AT_LEAST_ONE
        for case in ("poisson", "latency_interpolate", "phase", "burst", "target_rate_code", "rate_interpolate")
    },
    **{
        (case, "epsilon"): NUMBER
        for case in ("targets_convert", "targets_rate", "targets_rate ramps", "rate_interpolate")
    },
}
# What the other of two codes alone reads.
UNREAD = {
    "targets_convert": {"threshold", "tau"},
    "targets_convert latency": {"correct_rate", "incorrect_rate", "firing_pattern", "generator"},
    "latency linear": {"epsilon"},
    "latency_code linear": {"epsilon"},
}
# What is read as Python reads a condition.
FLAGS = {"time_var_input", "clip", "normalize", "linear", "interpolate", "bypass", "padding", "off_spike"}


def refusals():
    """Every case with every bad value of every argument that its function reads."""
    for case in CALLS:
        for argument in inspect.signature(function(case)).parameters:
            if argument in FLAGS | UNREAD.get(case, set()):
                continue
            values = OF_ITS_OWN.get((case, argument)) or ARGUMENTS[argument]
            for number, (value, error, words) in enumerate(values):
                yield pytest.param(case, argument, value, error, words, id=f"{case}: {argument} {number}")


def test_every_public_function_is_in_the_table():
    assert {function(case).__name__ for case in CALLS} == {*snn_spikegen.__all__} - {"__version__"}


@pytest.mark.parametrize("case", CALLS)
def test_the_call_succeeds_without_the_bad_value(case):
    function(case)(**CALLS[case])


@pytest.mark.parametrize(("case", "argument", "value", "error", "words"), [*refusals()])
def test_a_bad_value_is_refused_with_name_value_and_remedy(case, argument, value, error, words):
    with pytest.raises(error) as error_info:
        function(case)(**{**CALLS[case], argument: value})
    message = str(error_info.value)
    assert words.format(argument, function(case).__name__) in message
    assert argument in message
    assert message.startswith(f"{function(case).__name__}: ")


@pytest.mark.parametrize("encode", [snn_spikegen.rate, snn_spikegen.poisson])
def test_a_generator_of_another_device_is_refused(encode):
    with pytest.raises(
        ValueError, match=r"generator must draw on meta like data, got cpu\. Fix: pass torch.Generator\('meta'\)"
    ):
        encode(X.to("meta"), 7, generator=torch.Generator())


def test_spikes_before_the_first_are_refused():
    with pytest.raises(ValueError, match=r"before first_spike_time=2\. Fix: pass the first_spike_time they were"):
        snn_spikegen.decode_latency(SPIKES, first_spike_time=2)


def test_one_zero_among_many_gains_is_refused():
    with pytest.raises(ValueError, match="gain is 0"):
        snn_spikegen.decode_rate(SPIKES, gain=torch.tensor([0.5, 0.0]))


def test_an_offset_is_checked_for_any_gain():
    with pytest.raises(ValueError, match="offset must be finite, got nan"):
        snn_spikegen.rate(X, 5, gain=0.5, offset=float("nan"))


def test_a_gain_does_not_widen_the_values():
    with pytest.raises(ValueError, match=r"gain must broadcast to \(2,\), got shape \(3, 1\)"):
        snn_spikegen.decode_rate(SPIKES, gain=torch.ones(3, 1))


def test_steps_that_nothing_sets_are_refused():
    with pytest.raises(ValueError, match=r"num_steps is not given, and empty data .* no latest spike.*pass num_steps"):
        snn_spikegen.latency(torch.zeros(0, 3), bypass=True)
