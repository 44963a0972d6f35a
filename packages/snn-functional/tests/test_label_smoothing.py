"""Label smoothing: torch's cross entropy, closed forms, lengths, weights, gradients."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from snn_functional import ce_count_loss, ce_max_membrane_loss, ce_membrane_loss, ce_rate_loss, ce_temporal_loss

TARGETS, LENGTHS = torch.tensor([4, 0, 4]), [7, 2, 5]
WEIGHT = torch.tensor([1.0, 2.0, 0.5, 3.0, 0.0], dtype=torch.float64)
# the scores of a sample [T, K] from which each loss takes a mean of cross entropies
SCORES = {
    ce_rate_loss: lambda steps: steps,
    ce_count_loss: lambda steps: steps.sum(0, keepdim=True),
    ce_max_membrane_loss: lambda steps: steps.amax(0, keepdim=True),
    ce_membrane_loss: lambda steps: steps.mean(0, keepdim=True),
}


def recording():
    return torch.rand(7, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("smoothing", [0.1, 0.7, 1])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_loss_is_that_of_torch_for_each_sample(kind, smoothing, weight, lengths, reduction):
    out, other = recording(), recording()
    loss = kind(reduction=reduction, weight=weight, label_smoothing=smoothing)(out, TARGETS, lengths=lengths)
    each = []
    for sample, (length, label) in enumerate(zip(lengths or [7] * 3, TARGETS, strict=True)):
        scores = SCORES[kind](other[:length, sample])
        options = {"weight": weight, "label_smoothing": smoothing, "reduction": "none"}
        each.append(cross_entropy(scores, label.expand(len(scores)), **options).mean())
    each = torch.stack(each)
    expected = {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction]
    torch.testing.assert_close(loss, expected)
    loss.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(out.grad, other.grad)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_the_loss_of_spike_times_is_that_of_torch(weight):
    spk = torch.zeros(7, 3, 5, dtype=torch.float64)
    first = torch.tensor([[0, 3, 6, 2, 5], [1, 1, 4, 0, 2], [6, 5, 4, 3, 2]])
    spk.scatter_(0, first.unsqueeze(0), 1)
    loss = ce_temporal_loss(weight=weight, label_smoothing=0.3)(spk, TARGETS)
    torch.testing.assert_close(loss, cross_entropy(-first.double(), TARGETS, weight, label_smoothing=0.3))


def test_a_hand_worked_label():
    # One of 2 neurons fires: -ln p = ln(1 + 1/e) = 0.31326 and ln(1 + e) = 1.31326. The label 0 becomes (0.8, 0.2).
    loss = ce_rate_loss(label_smoothing=0.4)(torch.tensor([[[1.0, 0.0]]]), torch.tensor([0]))
    assert loss.item() == pytest.approx(0.8 * math.log1p(math.exp(-1)) + 0.2 * math.log1p(math.e), rel=1e-6)


def test_a_population_is_smoothed_over_its_classes():
    out = recording()[..., :4]
    loss = ce_count_loss(population_code=True, num_classes=2, label_smoothing=0.2)(out, TARGETS % 2)
    counts = out.sum(0).reshape(3, 2, 2).sum(-1)
    torch.testing.assert_close(loss, cross_entropy(counts, TARGETS % 2, label_smoothing=0.2))


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_no_smoothing_changes_no_bit(weight):
    out = recording()
    steps = torch.stack([cross_entropy(step, TARGETS, reduction="none") for step in out]).mean(0)
    expected = (steps if weight is None else steps * weight[TARGETS]).sum() / 3
    assert torch.equal(ce_rate_loss(weight=weight, label_smoothing=0)(out, TARGETS), expected)
    assert torch.equal(ce_rate_loss(weight=weight)(out, TARGETS), expected)
