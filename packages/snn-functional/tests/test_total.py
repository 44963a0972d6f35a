"""The sum over time: that of torch, with all of its derivatives."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn_functional._total import total


@given(st.integers(1, 300), st.integers(1, 5), st.integers(1, 9), st.sampled_from([torch.float32, torch.float64]))
def test_spikes_are_counted_exactly(num_steps, batch, outputs, dtype):
    numbers = torch.rand(num_steps, batch, outputs, generator=torch.Generator().manual_seed(num_steps))
    spikes = (numbers < 0.5).to(dtype)
    assert torch.equal(total(spikes), (numbers < 0.5).sum(0).to(dtype))
    assert torch.equal(total(spikes.transpose(0, 2)), (numbers < 0.5).sum(2).T.to(dtype))


def test_its_derivatives_are_those_of_finite_differences():
    values = torch.randn(7, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(total, values, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: total(x) ** 2, values)
    mapped = torch.func.vmap(total)(values.detach().expand(2, -1, -1, -1))
    assert torch.equal(mapped, total(values.detach()).expand(2, -1, -1))


RUNS = {"eager": total, "mapped": lambda x: torch.func.vmap(total)(x.unsqueeze(0)).squeeze(0)}


@pytest.mark.parametrize("num_steps", [257, 601])
@pytest.mark.parametrize("run", RUNS)
def test_autocast_does_not_round_it(num_steps, run):
    count, spikes = RUNS[run], torch.ones(num_steps, 3, 5, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        counts = count(spikes)
        assert torch.ones(3, 2).mm(torch.ones(2, 1)).dtype == torch.bfloat16  # it is on again
    assert torch.equal(counts, torch.full((3, 5), float(num_steps)))
    counts.sum().backward()
    assert torch.equal(spikes.grad, torch.ones(num_steps, 3, 5))


@pytest.mark.usefixtures("fresh_compiler")
def test_autocast_does_not_round_it_in_compiled_code():
    count = torch.compile(total, backend="eager", fullgraph=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(count(torch.ones(301, 3, 5)), torch.full((3, 5), 301.0))
    assert torch.equal(count(torch.ones(301, 3, 5)), torch.full((3, 5), 301.0))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite_stays_so_in_its_place(value):
    values = torch.ones(5, 3, 4)
    values[2, 1, 3] = value
    result, expected = total(values), values.sum(0)
    assert torch.equal(result.nan_to_num(nan=-1), expected.nan_to_num(nan=-1))


def test_its_gradient_takes_no_memory_of_its_own():
    values = torch.ones(50, 3, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(total(values).sum(), values)
    assert torch.equal(gradient, torch.ones(50, 3, 4))
    assert gradient.stride(0) == 0
