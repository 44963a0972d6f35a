"""Batch normalization of each step: torch's own in float64, whatever the sizes, threads and places of the rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from snn_cpu.norms import StepNorms

DTYPES = [torch.float32, torch.float64]
EPS = 1e-3


def numbers(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def ours(x: Tensor, weight: Tensor | None, bias: Tensor | None, g: Tensor) -> list[Tensor]:
    """Output, statistics and gradients."""
    out, means, variances, scales = StepNorms().batch_norm(x, weight, bias, EPS)
    return [out, means, variances, scales, *StepNorms().batch_norm_gradient(g, x, weight, means, scales)]


def by_torch(x: Tensor, weight: Tensor | None, bias: Tensor | None, g: Tensor) -> list[Tensor]:
    """The same in float64, from the definition and by autograd."""
    steps, _, channels = x.shape
    inputs = [t.double().clone().requires_grad_() for t in (x, torch.ones(channels), torch.zeros(channels))]
    with torch.no_grad():
        for own, other in zip(inputs[1:], (weight, bias), strict=True):
            own.copy_(own if other is None else other)
    out = torch.stack([F.batch_norm(step, None, None, *inputs[1:], training=True, eps=EPS) for step in inputs[0]])
    means, variances = inputs[0].mean(1).detach(), inputs[0].var(1, correction=0).detach()
    assert means.shape == (steps, channels)
    gradients = torch.autograd.grad(out, inputs, g.double())
    return [out.detach(), means, variances, (variances + EPS).rsqrt(), *gradients]


def rounding(x: Tensor) -> float:
    """The rounding of a result: of sums in float64 it is that of a term for each number that is added up."""
    return 2 * torch.finfo(x.dtype).eps * (x.shape[0] * x.shape[1] if x.dtype == torch.float64 else 1)


def close(result: list[Tensor], expected: list[Tensor], x: Tensor, weight: Tensor | None, g: Tensor) -> None:
    slope, scale = 1.0 if weight is None else weight.abs().max().item(), expected[3].max().item()
    term = slope * scale * g.abs().max().item()  # the gradient of x is a difference of such terms
    condition = 1 + scale * x.abs().max().item()  # what the rounding of a mean does to a value beside it
    for index, (left, right) in enumerate(zip(result, expected, strict=True)):
        assert left.dtype == x.dtype
        most = term if index == 4 else right.abs().max().item()
        torch.testing.assert_close(left.double(), right, rtol=0, atol=rounding(x) * condition * max(most, 1))


@given(
    steps=st.integers(1, 11),
    rows=st.integers(2, 40),
    channels=st.integers(1, 45),
    dtype=st.sampled_from(DTYPES),
    weighs=st.booleans(),
    shifts=st.booleans(),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
def test_any_sizes_give_what_torch_gives(
    steps: int, rows: int, channels: int, dtype: torch.dtype, weighs: bool, shifts: bool, threads: int, seed: int
) -> None:
    torch.set_num_threads(threads)
    x, g = (numbers(steps, rows, channels, dtype=dtype, seed=seed + n) for n in range(2))
    weight = numbers(channels, dtype=dtype, seed=seed + 2) if weighs else None
    bias = numbers(channels, dtype=dtype, seed=seed + 3) if shifts else None
    close(ours(x + 1, weight, bias, g), by_torch(x + 1, weight, bias, g), x, weight, g)


SHARED = [(3, 9000, 16), (2, 700, 200), (8, 4100, 16), (1, 40000, 3)]  # steps of several parts, and many steps


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHARED, ids=str)
def test_the_number_of_threads_changes_no_bit(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    x, g = (numbers(*shape, dtype=dtype, seed=n) for n in range(2))
    weight, bias = (numbers(shape[-1], dtype=dtype, seed=n) for n in (2, 3))
    torch.set_num_threads(1)
    alone = ours(x, weight, bias, g)
    torch.set_num_threads(3)
    for left, right in zip(ours(x, weight, bias, g), alone, strict=True):
        assert torch.equal(left, right)
    close(alone, by_torch(x, weight, bias, g), x, weight, g)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_mean_that_is_large_beside_the_spread_costs_no_digit(dtype: torch.dtype) -> None:
    x = 4096 + numbers(2, 3000, 5, dtype=dtype)  # the squares of float64 would leave 9 digits
    out, means, variances, _ = StepNorms().batch_norm(x, None, None, EPS)
    exact = x.double()
    centered = exact - exact.mean(1, keepdim=True)
    torch.testing.assert_close(variances.double(), (centered**2).mean(1), rtol=rounding(x), atol=0)
    expected = centered * ((centered**2).mean(1, keepdim=True) + EPS).rsqrt()
    # the mean in the dtype of x is off by half a unit in the last place
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=4096 * torch.finfo(dtype).eps + rounding(x))
    assert means.dtype == dtype


def test_equal_values_have_no_variance() -> None:
    out, means, variances, scales = StepNorms().batch_norm(torch.full((2, 7, 19), 0.1), None, torch.ones(19), 0.25)
    assert torch.equal(out, torch.ones(2, 7, 19))
    assert torch.equal(means, torch.full((2, 19), 0.1))
    assert torch.equal(variances, torch.zeros(2, 19))
    assert torch.equal(scales, torch.full((2, 19), 2.0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("row", [0, 5])
def test_a_value_that_is_not_finite_spoils_its_channel_in_its_step_alone(bad: float, row: int) -> None:
    x = numbers(3, 8, 21, dtype=torch.float32)
    clean = StepNorms().batch_norm(x, None, None, EPS)
    x[1, row, 4] = bad
    out, means, variances, _ = StepNorms().batch_norm(x, None, None, EPS)
    assert out[1, :, 4].isnan().all()
    torch.testing.assert_close(means[1, 4], torch.tensor(bad), equal_nan=True)
    assert variances[1, 4].isnan()
    spoiled = torch.zeros(3, 21, dtype=torch.bool)
    spoiled[1, 4] = True
    assert torch.equal(out.movedim(1, 2)[~spoiled], clean[0].movedim(1, 2)[~spoiled])
    assert torch.equal(means[~spoiled], clean[1][~spoiled])


def test_the_operators_change_and_return_no_argument_and_check_what_they_are_given() -> None:
    ops, x = torch.ops.snn_cpu, torch.rand(3, 6, 5)
    weight: Any = torch.rand(5)
    _, means, _, scales = ops.batch_norm(x, weight, None, EPS)
    calls = (ops.batch_norm, (x, weight, None, EPS)), (ops.batch_norm_gradient, (x, x, weight, means, scales))
    for operator, arguments in calls:
        results = torch.library.opcheck(operator.default, arguments, test_utils="test_schema")
        assert set(results.values()) == {"SUCCESS"}
    for arguments, message in (
        ((x.mT, None, None, EPS), "x must be contiguous with 3 axes"),
        ((x[0], None, None, EPS), "x must be contiguous with 3 axes"),
        ((x.half(), None, None, EPS), "batch norms are for float32 and float64"),
        ((x[:, :1].contiguous(), None, None, EPS), "more than one row"),
        ((x, weight[1:], None, EPS), "weight must be contiguous, of the dtype of x, and have 5 elements; it has 4"),
        ((x, None, weight.double(), EPS), "bias must be contiguous, of the dtype of x"),
    ):
        with pytest.raises(RuntimeError, match=message):
            ops.batch_norm(*arguments)
    with pytest.raises(RuntimeError, match="grad must be contiguous"):
        ops.batch_norm_gradient(x[:2], x, None, means, scales)
    with pytest.raises(RuntimeError, match="means must be contiguous"):
        ops.batch_norm_gradient(x, x, None, means[:2], scales)
