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
    mine, plain = values.clone().requires_grad_(), values.clone().requires_grad_()
    found, wanted = highest(mine), plain.max(0).values
    assert torch.equal(found.isnan(), wanted.isnan())
    assert found.isnan().sum() == (kind == "NaN")
    assert torch.equal(found.nan_to_num(nan=0), wanted.nan_to_num(nan=0))
    given = torch.linspace(-1, 1, found.numel()).reshape_as(found).masked_fill(wanted.isnan(), 0)
    found.backward(given)
    wanted.backward(given)
    assert torch.equal(mine.grad, plain.grad)


def test_it_may_be_mapped_over_a_batch_and_differentiated_twice():
    values = torch.randn(3, 5, 128, 130, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(torch.func.vmap(highest)(values), values.amax(1))
    one = values[0].requires_grad_()
    (gradient,) = torch.autograd.grad(highest(one).pow(3).sum(), one, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), one)
    at = one == one.amax(0)
    assert torch.allclose(second, torch.where(at, 6 * one, 0.0))
