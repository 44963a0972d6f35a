"""The number of tensor operations depends neither on how many values there are nor on how many steps."""

import pytest
import torch
from torch.overrides import TorchFunctionMode

from .calls import CALLS, function


class Counted(TorchFunctionMode):
    """Counts the calls of torch made within it."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def operations(case, **changes):
    """Return how many operations the case takes."""
    with Counted() as counted:
        function(case)(**{**CALLS[case], **changes})
    assert counted.count > 0
    return counted.count


@pytest.mark.parametrize("case", [case for case in CALLS if case != "target_rate_code"])
def test_fifty_times_the_values_take_as_many_operations(case):
    tensor, value = next(iter(CALLS[case].items()))
    more = torch.cat([value] * 50, dim=-1) if tensor == "spikes" else torch.cat([value] * 50)
    assert operations(case, **{tensor: more}) == operations(case)


@pytest.mark.parametrize("case", [case for case in CALLS if "num_steps" in CALLS[case]])
def test_a_hundred_times_the_steps_take_as_many_operations(case):
    assert operations(case, num_steps=700) == operations(case)


@pytest.mark.parametrize("pattern", ["regular", "uniform", "poisson"])
def test_long_trains_take_as_many_operations(pattern):
    short, long = (
        operations("target_rate_code", num_steps=steps, rate=0.5, firing_pattern=pattern) for steps in (8, 800)
    )
    assert short == long
