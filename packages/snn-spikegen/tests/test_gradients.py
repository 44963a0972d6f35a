"""Tests of which results are differentiable in their inputs, and that all take tensors that need a gradient."""

import pytest
import torch

from .calls import CALLS, function

FROM_FLOATS = [case for case in CALLS if next(iter(CALLS[case])) != "num_steps"]
DIFFERENTIABLE = ("latency_code", "latency_code_log", "latency_code_linear", "population", "decode_rate")
# The graph goes on through a draw, with a gradient of zero.
DRAWN = ("rate", "rate_conv", "poisson")


@pytest.mark.parametrize("case", FROM_FLOATS)
def test_data_that_need_a_gradient_give_the_same_result(case):
    tensor, value = next(iter(CALLS[case].items()))
    leaf = value.float().requires_grad_()
    torch.manual_seed(0)
    result = function(case)(**{**CALLS[case], tensor: leaf})
    torch.manual_seed(0)
    expected = function(case)(**{**CALLS[case], tensor: value.float()})
    result, expected = (result[0] if isinstance(result, tuple) else result for result in (result, expected))
    assert torch.equal(result, expected)
    name = function(case).__name__
    assert result.requires_grad == (name in DIFFERENTIABLE + DRAWN)
    if result.requires_grad:
        result.sum().backward()
        assert leaf.grad.isfinite().all()
        assert leaf.grad.any() == (name in DIFFERENTIABLE)
