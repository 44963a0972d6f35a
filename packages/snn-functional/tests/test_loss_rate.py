"""Cross entropy of every step: closed forms, weights, population code, gradients."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from snn_functional import ce_rate_loss
from snn_functional.loss import ce_rate_loss as ce_rate_loss_of_the_module


def recording(*shape, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_silence_costs_the_logarithm_of_the_number_of_classes():
    loss = ce_rate_loss()(torch.zeros(7, 3, 5), torch.tensor([0, 4, 2]))
    assert loss.shape == ()
    assert loss.item() == pytest.approx(math.log(5))


def test_a_hand_worked_train():
    # The correct one of 2 neurons fires at step 0 only: ln(1 + 1/e) = 0.31326 and ln 2 = 0.69315; mean 0.50320.
    spk = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]])
    assert ce_rate_loss()(spk, torch.tensor([0])).item() == pytest.approx(0.50320, abs=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_mean_over_time_of_the_cross_entropy_of_a_step(reduction, weighted):
    spk, targets = recording(7, 3, 5), torch.tensor([4, 0, 4])
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0, 0.25], dtype=torch.float64) if weighted else None
    each = torch.stack([cross_entropy(step, targets, weight=weight, reduction="none") for step in spk]).mean(0)
    loss = ce_rate_loss(reduction=reduction, weight=weight)(spk, targets)
    assert torch.allclose(loss, {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction])


def test_weights_weigh_samples_and_the_mean_is_over_the_batch():
    # One step, 2 silent classes, so ln 2 for sample 0; sample 1 fires wrongly: ln(1 + e) = 1.31326. Weights 3 and 1:
    # (3 x 0.69315 + 1 x 1.31326) / 2 = 1.69635.
    spk = torch.tensor([[[0.0, 0.0], [1.0, 0.0]]])
    loss = ce_rate_loss(weight=torch.tensor([3.0, 1.0]))(spk, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(1.69635, abs=1e-5)


def test_a_population_code_sums_neighboring_outputs_at_every_step():
    # Step 0: classes (2, 0), label 0: ln(1 + e^-2) = 0.12693. Step 1: classes (1, 1): 0.69315. Mean 0.41004.
    spk = torch.tensor([[[1.0, 1.0, 0.0, 0.0]], [[0.0, 1.0, 1.0, 0.0]]])
    loss = ce_rate_loss(population_code=True, num_classes=2)(spk, torch.tensor([0]))
    assert loss.item() == pytest.approx(0.41004, abs=1e-5)


def test_one_neuron_a_class_is_not_a_population():
    spk, targets = recording(7, 3, 5), torch.tensor([4, 0, 1])
    assert torch.equal(ce_rate_loss(True, 5)(spk, targets), ce_rate_loss()(spk, targets))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.5]])
@pytest.mark.parametrize("population_code", [False, True])
def test_the_gradient_is_that_of_the_value(reduction, weight, population_code):
    spk = recording(4, 2, 6 if population_code else 3).requires_grad_()
    loss_fn = ce_rate_loss(population_code, 3, reduction, weight)
    assert torch.autograd.gradcheck(lambda s: loss_fn(s, torch.tensor([2, 0])), spk)


def test_the_name_and_the_object_are_the_same_by_both_routes():
    assert ce_rate_loss is ce_rate_loss_of_the_module
    assert ce_rate_loss().__name__ == "ce_rate_loss"
