"""Losses of spike counts: closed forms, weights, population code, gradients."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from snn_functional import ce_count_loss, mse_count_loss


def recording(*shape, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_silence_costs_the_logarithm_of_the_number_of_classes():
    loss = ce_count_loss()(torch.zeros(7, 3, 5), torch.tensor([0, 4, 2]))
    assert loss.shape == ()
    assert loss.item() == pytest.approx(math.log(5))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_cross_entropy_of_the_counts(reduction, weighted):
    spk, targets = recording(7, 3, 5), torch.tensor([4, 0, 4])
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0, 0.25], dtype=torch.float64) if weighted else None
    each = cross_entropy(spk.sum(0), targets, weight=weight, reduction="none")
    expected = {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction]
    assert torch.allclose(ce_count_loss(reduction=reduction, weight=weight)(spk, targets), expected)


def test_weights_are_divided_by_the_batch_and_not_by_their_sum():
    # Counts (1, 0) and labels 0, 1: ln(1 + 1/e) = 0.31326 and ln(1 + e) = 1.31326. Weights 1 and 3:
    # (0.31326 + 3 x 1.31326) / 2 = 2.12652; divided by the weights' sum of 4 it would be 1.06326.
    spk = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    loss = ce_count_loss(weight=torch.tensor([1.0, 3.0]))(spk, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(2.12652, abs=1e-5)


def test_a_population_code_sums_contiguous_groups():
    # 6 outputs, 3 classes: groups (0, 1), (2, 3), (4, 5) with counts 3, 0, 1.
    spk = torch.tensor([[[1.0, 1.0, 0.0, 0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]])
    loss = ce_count_loss(population_code=True, num_classes=3)(spk, torch.tensor([2]))
    assert loss.item() == pytest.approx(math.log(math.exp(3) + 1 + math.e) - 1, abs=1e-6)


def test_the_wanted_count_is_the_whole_part_of_steps_times_rate():
    # 7 steps: int(7 x 0.8) = 5, int(7 x 0.2) = 1. Counts 3, 0: ((3 - 5)^2 + (0 - 1)^2) / 2 / 7 = 5 / 14.
    spk = torch.zeros(7, 1, 2)
    spk[:3, 0, 0] = 1
    loss = mse_count_loss(correct_rate=0.8, incorrect_rate=0.2)(spk, torch.tensor([0]))
    assert loss.shape == ()
    assert loss.item() == pytest.approx(5 / 14)


def test_the_wanted_count_of_a_population_is_that_of_all_its_neurons():
    # 3 neurons per class, 7 steps: int(7 x 0.8 x 3) = 16 (and not 3 x 5), int(7 x 0.1 x 3) = 2. Silence costs
    # (16^2 + 2^2) / 2 / 7 = 130 / 7.
    loss_fn = mse_count_loss(0.8, 0.1, population_code=True, num_classes=2)
    assert loss_fn(torch.zeros(7, 1, 6), torch.tensor([1])).item() == pytest.approx(130 / 7)


def test_class_weights_of_a_square_loss_weigh_whole_samples():
    # As many samples as classes: silence, T = 1, labels 1 and 0 want (0, 1) and (1, 0), each a squared error of 1 / 2
    # on average. Sample 0 has weight 4 (its class is 1) and also fires wrongly, (1 + 1) / 2 = 1:
    # (4 x 1 + 1 x 0.5) / 5 = 0.9.
    spk = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    targets = torch.tensor([1, 0])
    weight = torch.tensor([1.0, 4.0])
    assert mse_count_loss(weight=weight)(spk, targets).item() == pytest.approx(0.9)
    assert mse_count_loss(reduction="sum", weight=weight)(spk, targets).item() == pytest.approx(9.0)
    rows = mse_count_loss(reduction="none", weight=weight)(spk, targets)
    assert rows.tolist() == [[4.0, 4.0], [1.0, 0.0]]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_equal_weights_change_a_mean_by_nothing(reduction):
    spk, targets = recording(7, 3, 5), torch.tensor([4, 0, 1])
    plain = mse_count_loss(0.8, 0.2, reduction=reduction)(spk, targets)
    weighted = mse_count_loss(0.8, 0.2, reduction=reduction, weight=[2.0] * 5)(spk, targets)
    assert torch.allclose(weighted, plain if reduction == "mean" else 2 * plain)


def test_sum_and_none_agree_with_the_mean():
    spk, targets = recording(7, 3, 5), torch.tensor([4, 0, 1])
    rows = mse_count_loss(reduction="none")(spk, targets)
    assert rows.shape == (3, 5)
    assert torch.allclose(mse_count_loss(reduction="sum")(spk, targets), rows.sum())
    assert torch.allclose(mse_count_loss()(spk, targets), rows.mean())


@pytest.mark.parametrize("loss", [ce_count_loss, mse_count_loss])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.5]])
@pytest.mark.parametrize("population_code", [False, True])
def test_the_gradient_is_that_of_the_value(loss, reduction, weight, population_code):
    spk = recording(4, 2, 6 if population_code else 3).requires_grad_()
    loss_fn = loss(population_code=population_code, num_classes=3, reduction=reduction, weight=weight)
    assert torch.autograd.gradcheck(lambda s: loss_fn(s, torch.tensor([2, 0])), spk)


def test_a_float16_count_beyond_256_does_not_overflow():
    # The square of 300 is 90,000, past float16's 65,504; divided by 300 steps it is 300, and the mean of two is 150.
    loss = mse_count_loss()(torch.zeros(300, 1, 2, dtype=torch.float16), torch.tensor([0]))
    assert loss.dtype == torch.float16
    assert loss.item() == 150


@pytest.mark.parametrize("loss", [ce_count_loss, mse_count_loss])
def test_autocast_rounds_no_count(loss):
    # bfloat16 has no number between 256 and 258
    spk, targets = torch.ones(257, 3, 5, requires_grad=True), torch.tensor([0, 4, 2])
    expected = loss()(spk, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = loss()(spk, targets)
    assert torch.equal(result, expected)
    assert torch.equal(*(torch.autograd.grad(value, spk)[0] for value in (result, expected)))
