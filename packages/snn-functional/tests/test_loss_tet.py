"""Temporal efficient training: a second implementation, closed forms, lengths, gradients."""

import math

import pytest
import torch
from torch import nn

from snn_functional import tet_loss
from snn_functional.loss import tet_loss as tet_loss_of_the_module

TARGETS = torch.tensor([4, 0, 4])


def recording():
    return torch.randn(7, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()


def by_hand(outputs, labels, lamb, phi, smoothing=0.0):
    """Return the loss of outputs ``[T, B, K]`` by the equations 9 to 11 of the paper, one step after another."""
    criterion = nn.CrossEntropyLoss(label_smoothing=smoothing)
    loss_es = 0
    for step in outputs:
        loss_es = loss_es + criterion(step, labels)
    loss_mmd = nn.MSELoss()(outputs, torch.full_like(outputs, phi)) if lamb else 0
    return (1 - lamb) * loss_es / len(outputs) + lamb * loss_mmd


@pytest.mark.parametrize(("lamb", "phi"), [(0.05, 1.0), (1e-3, 0.5), (0, 1), (1, -2.0)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_it_is_the_loss_of_the_paper(lamb, phi, smoothing):
    out, other = recording(), recording()
    loss = tet_loss(lamb, phi, label_smoothing=smoothing)(out, TARGETS)
    expected = by_hand(other, TARGETS, lamb, phi, smoothing)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(out.grad, other.grad)


def test_silence_costs_a_logarithm_and_the_square_of_phi():
    loss = tet_loss(lamb=0.25, phi=3)(torch.zeros(7, 3, 5), TARGETS)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(0.75 * math.log(5) + 0.25 * 9)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_steps_after_the_length_of_a_sample_do_not_count(reduction):
    out, lengths = recording(), [7, 2, 5]
    each = torch.stack([by_hand(out[:n, [b]], TARGETS[[b]], 0.05, 1.0) for b, n in enumerate(lengths)])
    loss_fn = tet_loss(reduction=reduction)
    loss = loss_fn(out, TARGETS, lengths=lengths)
    torch.testing.assert_close(loss, {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction])
    assert torch.autograd.gradcheck(lambda o: loss_fn(o, TARGETS, lengths=lengths), out)
    mask = torch.arange(7).unsqueeze(-1) < torch.tensor(lengths)
    assert torch.equal(loss_fn(out, TARGETS, mask=mask), loss)


def test_both_routes_lead_to_one_class():
    assert tet_loss is tet_loss_of_the_module
    assert tet_loss().__name__ == "tet_loss"
