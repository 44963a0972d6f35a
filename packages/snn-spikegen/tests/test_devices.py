"""Everything is made where the data are, whatever the default device is."""

import pytest
import torch

from .calls import CALLS, function


def tensors(found):
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("case", CALLS)
def test_the_default_device_plays_no_part(case):
    torch.manual_seed(0)
    wanted = tensors(function(case)(**CALLS[case]))
    torch.manual_seed(0)
    with torch.device("meta"):
        found = tensors(function(case)(**CALLS[case]))
    for mine, other in zip(found, wanted, strict=True):
        assert mine.device.type == "cpu"
        assert torch.equal(mine, other)
