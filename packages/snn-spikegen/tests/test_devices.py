"""Everything is made where the data are, whatever the default device is, and nothing is read there."""

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


def tensors(found):
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("case", EVERY)
def test_the_default_device_plays_no_part(case):
    torch.manual_seed(0)
    wanted = tensors(function(case)(**EVERY[case]))
    torch.manual_seed(0)
    with torch.device("meta"):
        found = tensors(function(case)(**EVERY[case]))
    for mine, other in zip(found, wanted, strict=True):
        assert mine.device.type == "cpu"
        assert torch.equal(mine, other)


@pytest.mark.parametrize("case", [case for case in EVERY if case not in ON_CPU])
def test_another_device_is_neither_left_nor_waited_for(case):
    wanted = tensors(function(case)(**EVERY[case]))
    there = tree_map_only(torch.Tensor, lambda tensor: tensor.to("meta"), EVERY[case])
    with OnlyOn("meta"):
        found = tensors(function(case)(**there))
    for mine, other in zip(found, wanted, strict=True):
        assert (mine.shape, mine.dtype, mine.device.type) == (other.shape, other.dtype, "meta")
