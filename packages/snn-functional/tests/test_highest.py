"""The maximum over time of many values: torch's own, with its gradient."""

import pytest
import torch

from snn_functional._highest import highest


def recording(num_steps: int, kind: str) -> torch.Tensor:
    values = torch.randn(num_steps, 128, 130, generator=torch.Generator().manual_seed(num_steps))
    if kind == "ties":
        return values.round()
    if kind == "infinite":
        values[::2, ::3] = float("-inf")
        values[::2, 1::3] = float("inf")
    if kind == "NaN":
        values[num_steps // 2, 5, 7] = float("nan")
    return values


@pytest.mark.parametrize("num_steps", [1, 2, 255, 256, 300])
@pytest.mark.parametrize("kind", ["distinct", "ties", "infinite", "NaN"])
def test_it_is_torchs_and_the_first_of_those_that_are_equal_has_the_gradient(num_steps, kind):
    values = recording(num_steps, kind)
    data, plain = values.clone().requires_grad_(), values.clone().requires_grad_()
    result, expected = highest(data), plain.max(0).values
    assert torch.equal(result.isnan(), expected.isnan())
    assert result.isnan().sum() == (kind == "NaN")
    assert torch.equal(result.nan_to_num(nan=0), expected.nan_to_num(nan=0))
    upstream = torch.linspace(-1, 1, result.numel()).reshape_as(result).masked_fill(expected.isnan(), 0)
    result.backward(upstream)
    expected.backward(upstream)
    assert torch.equal(data.grad, plain.grad)


def test_it_may_be_mapped_over_a_batch_and_differentiated_twice():
    values = torch.randn(3, 5, 128, 130, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(torch.func.vmap(highest)(values), values.amax(1))
    sample = values[0].requires_grad_()
    (gradient,) = torch.autograd.grad(highest(sample).pow(3).sum(), sample, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), sample)
    at = sample == sample.amax(0)
    assert torch.allclose(second, torch.where(at, 6 * sample, 0.0))
