"""Regularization: value, gradient, dtypes."""

from fractions import Fraction

import pytest
import torch

from snn_functional import l1_rate_sparsity, reg


def test_every_spike_costs_lambda():
    spk = torch.zeros(7, 3, 5)
    spk[2, :, 1] = 1
    penalty = l1_rate_sparsity(Lambda=0.25)(spk)
    assert penalty.shape == ()
    assert penalty.item() == 0.75
    assert l1_rate_sparsity()(spk).item() == pytest.approx(3e-5)


@pytest.mark.parametrize("number", [2, 2.0, Fraction(2), torch.tensor(2), torch.tensor([2.0]), torch.tensor([[2]])])
def test_the_weight_is_a_number_however_it_is_written(number):
    spk = torch.rand(3, 5, requires_grad=True)
    penalty = l1_rate_sparsity(number)(spk)
    penalty.backward()
    assert penalty.shape == ()
    assert torch.equal(penalty, 2 * spk.sum())
    assert torch.equal(spk.grad, torch.full((3, 5), 2.0))


def test_the_gradient_is_lambda_everywhere():
    spk = torch.rand(7, 3, dtype=torch.float64, requires_grad=True)
    l1_rate_sparsity(0.5)(spk).backward()
    assert torch.equal(spk.grad, torch.full((7, 3), 0.5, dtype=torch.float64))
    assert torch.autograd.gradcheck(l1_rate_sparsity(0.5), spk)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_dtype_stays_and_the_count_does_not_overflow(dtype):
    # 100,000 spikes are past float16's 65,504; the penalty, 1, is not.
    penalty = l1_rate_sparsity(1e-5)(torch.ones(1000, 100, dtype=dtype))
    assert penalty.dtype == dtype
    assert penalty.item() == pytest.approx(1, rel=1e-3)


def test_integer_spikes_count_in_the_default_dtype():
    penalty = l1_rate_sparsity(0.5)(torch.ones(7, dtype=torch.uint8))
    assert penalty.dtype == torch.get_default_dtype()
    assert penalty.item() == 3.5


def test_both_routes_lead_to_one_class():
    assert reg.l1_rate_sparsity is l1_rate_sparsity
    assert l1_rate_sparsity().__name__ == "l1_rate_sparsity"
