"""Everything is made where the data are, whatever the default device is, and nothing is read there."""

import sys

import pytest
import torch
from torch.utils._pytree import tree_map_only

from accelerator import OnlyOn

from .calls import CALLS, LABELS, X, function

# What waits for the device, or computes on the CPU, and why.
ON_CPU = {
    "target_rate_code": "draws where the generator does, on the CPU without one, and is told where to put the result",
    "targets_convert": "draws one train for all, on the CPU, so that a seed gives the same on every device",
    "targets_rate": "as targets_convert",
    "targets_rate ramps": "as targets_convert",
}
MORE = {
    "rate with factors": {"data": X, "num_steps": 7, "gain": X[0], "offset": X[1] / 2, "first_spike_time": 2},
    "latency late": {"data": X, "num_steps": 17, "first_spike_time": 3},
    "latency_code_linear stretched": {"data": X, "num_steps": 7, "first_spike_time": 3, "normalize": True},
    "decode_rate with factors": {"spikes": (X > 0.5).float(), "gain": X[0] + 1, "offset": X[0]},
    "targets_rate constant": {"targets": LABELS, "num_classes": 3},
    "to_one_hot of floats": {"targets": LABELS.float(), "num_classes": 3},
}
EVERY = CALLS | MORE


def tensors(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("case", EVERY)
def test_the_default_device_does_not_matter(case):
    torch.manual_seed(0)
    expected = tensors(function(case)(**EVERY[case]))
    torch.manual_seed(0)
    with torch.device("meta"):
        result = tensors(function(case)(**EVERY[case]))
    for own, other in zip(result, expected, strict=True):
        assert own.device.type == "cpu"
        assert torch.equal(own, other)


@pytest.mark.parametrize("case", [case for case in EVERY if case not in ON_CPU])
def test_another_device_is_neither_left_nor_waited_for(case):
    expected = tensors(function(case)(**EVERY[case]))
    there = tree_map_only(torch.Tensor, lambda tensor: tensor.to("meta"), EVERY[case])
    with OnlyOn("meta"):
        result = tensors(function(case)(**there))
    for own, other in zip(result, expected, strict=True):
        assert (own.shape, own.dtype, own.device.type) == (other.shape, other.dtype, "meta")


@pytest.fixture
def checks_itself(monkeypatch):
    """The CPU does what an accelerator does, so that what that would say is an error here."""
    for name, module in list(sys.modules.items()):
        if name.startswith("snn_spikegen.") and hasattr(module, "answers_at_once"):
            monkeypatch.setattr(module, "answers_at_once", lambda values: False)


@pytest.mark.parametrize("case", EVERY)
def test_a_device_that_checks_by_itself_gives_the_same(case, request):
    torch.manual_seed(0)
    expected = tensors(function(case)(**EVERY[case]))
    torch.manual_seed(0)
    request.getfixturevalue("checks_itself")
    for result, other in zip(tensors(function(case)(**EVERY[case])), expected, strict=True):
        assert torch.equal(result, other)


LOW = {"data": X - 1, "num_steps": 7}
WRONG = {
    "rate": ({"data": X * torch.nan, "num_steps": 7}, "data contains NaN"),
    "rate gain": ({"data": X, "num_steps": 7, "gain": X[0] / 0}, "gain must be finite"),
    "poisson": ({"rate": X * 1001, "num_steps": 7}, "rate must be at least 0 and at most 1000.0 Hz with dt=0.001 s"),
    "latency": (LOW, r"data must be in \[0, 1\]"),
    "latency late": ({"data": X, "num_steps": 7}, "a spike comes after the last of num_steps=7 steps"),
    "latency_code": (
        {"data": X * 3 - 1, "num_steps": 7, "first_spike_time": 2},
        r"data must be in \[0, 1\] with first_spike_time=2",
    ),
    "latency_interpolate": ({"spike_time": X - 2, "num_steps": 7}, r"spike_time must be in \[0, inf\]"),
    "delta": ({"data": X * torch.nan}, "data contains NaN"),
    "phase": (LOW, r"data must be in \[0, 1\]"),
    "burst": (LOW, r"data must be in \[0, 1\]"),
    "population": ({"data": X - 1, "num_neurons": 4}, r"data must be in \[0\.0, 1\.0\]"),
    "decode_rate": ({"spikes": X}, "spikes must be 0 or 1"),
    "decode_rate gain": ({"spikes": X.round(), "gain": X[0] * 0}, "gain is 0"),
    "decode_latency": ({"spikes": torch.eye(3), "first_spike_time": 1}, "spikes come before first_spike_time=1"),
    "to_one_hot": (
        {"targets": LABELS, "num_classes": 2},
        r"targets must be integers in \[0, 1\] with num_classes=2",
    ),
    "from_one_hot": ({"one_hot_label": torch.ones(2, 3)}, "a row without a single largest entry"),
    "rate_interpolate": ({"spike_time": LABELS, "num_steps": 2}, r"spike_time must be in \[0, 1\]"),
}


@pytest.mark.usefixtures("checks_itself")
@pytest.mark.parametrize("case", WRONG)
def test_a_device_that_checks_by_itself_reports_the_error(case):
    arguments, message = WRONG[case]
    with pytest.raises(RuntimeError, match=message):
        function(case)(**arguments)
