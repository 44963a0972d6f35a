"""Losses of membranes: numbers by hand, a loop over time, gradients."""

import math

import pytest
import torch

from snn_functional import (
    ce_count_loss,
    ce_max_membrane_loss,
    ce_membrane_loss,
    ce_rate_loss,
    mse_count_loss,
    mse_membrane_loss,
)

MEM = torch.randn(7, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TARGETS = torch.tensor([3, 0, 1])


def test_the_highest_membrane_of_each_output_counts():
    mem = torch.tensor([[[0.0, 2.0]], [[1.0, -9.0]]])
    assert ce_max_membrane_loss()(mem, torch.tensor([0])).item() == pytest.approx(math.log1p(math.e))


def test_the_gradient_goes_to_the_step_of_the_maximum_alone():
    mem = MEM.clone().requires_grad_()
    ce_max_membrane_loss()(mem, TARGETS).backward()
    assert torch.equal(mem.grad != 0, MEM.max(0).values == MEM)


def test_the_scores_are_the_mean_the_maximum_or_the_last_membranes():
    mem = torch.tensor([[[0.0, 2.0]], [[1.0, -9.0]], [[2.0, 1.0]]])  # means 1 and -2, maxima 2 and 2, last 2 and 1
    for over, difference in {"mean": 3.0, "max": 0.0, "last": 1.0}.items():
        loss = ce_membrane_loss(over)(mem, torch.tensor([0])).item()
        assert loss == pytest.approx(math.log1p(math.exp(-difference)), rel=1e-6)


@pytest.mark.parametrize("over", ["mean", "max", "last"])
@pytest.mark.parametrize("lengths", [None, [7, 1, 4]], ids=["full", "ragged"])
def test_the_loss_is_torchs_cross_entropy_of_the_scores(over, lengths):
    scores = {"mean": lambda u: u.mean(0), "max": lambda u: u.amax(0), "last": lambda u: u[-1]}[over]
    rows = torch.stack([scores(MEM[:length, b]) for b, length in enumerate(lengths or [7] * 3)])
    expected = torch.nn.functional.cross_entropy(rows, TARGETS)
    torch.testing.assert_close(ce_membrane_loss(over)(MEM, TARGETS, lengths=lengths), expected)


@pytest.mark.parametrize("options", [{}, {"weight": [1.0, 2.0, 3.0, 4.0]}, {"label_smoothing": 0.2}], ids=str)
def test_the_loss_over_the_maximum_is_ce_max_membrane_loss(options):
    assert torch.equal(ce_membrane_loss("max", **options)(MEM, TARGETS), ce_max_membrane_loss(**options)(MEM, TARGETS))


def test_the_last_membranes_of_a_masked_batch_are_those_of_the_last_step_that_counts():
    mask = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]]).bool()
    rows = MEM[torch.tensor([3, 0, 5]), torch.arange(3)]
    expected = torch.nn.functional.cross_entropy(rows, TARGETS)
    torch.testing.assert_close(ce_membrane_loss("last")(MEM, TARGETS, mask=mask), expected)


@pytest.mark.parametrize("over", ["sum", "", None, 3])
def test_an_unknown_way_over_time_is_refused(over):
    with pytest.raises(ValueError, match=f"over must be one of 'mean', 'max', 'last', got {over!r}"):
        ce_membrane_loss(over)


def test_a_wide_ragged_batchs_maximum_is_that_of_each_samples_own_steps():
    mem = torch.randn(9, 128, 130, generator=torch.Generator().manual_seed(1))
    lengths = torch.arange(128) % 9 + 1
    result = ce_max_membrane_loss(reduction="none")(mem, torch.arange(128), lengths=lengths)
    alone = [
        ce_max_membrane_loss()(mem[:length, sample : sample + 1], torch.tensor([sample]))
        for sample, length in enumerate(lengths)
    ]
    assert torch.allclose(result, torch.stack(alone), rtol=1e-6)


def test_the_membrane_loss_is_the_mean_of_every_steps():
    targets = torch.full((3, 4), 0.1, dtype=torch.float64).scatter(1, TARGETS.unsqueeze(1), 1.2)
    looped = sum(torch.nn.functional.mse_loss(u, targets) for u in MEM) / 7
    assert torch.allclose(mse_membrane_loss(on_target=1.2, off_target=0.1)(MEM, TARGETS), looped)


def test_targets_that_vary_in_time_are_those_of_each_step():
    targets = torch.linspace(-1, 1, MEM.numel(), dtype=torch.float64).reshape(MEM.shape)
    looped = sum(torch.nn.functional.mse_loss(u, w) for u, w in zip(MEM, targets, strict=True)) / 7
    assert torch.allclose(mse_membrane_loss(time_var_targets=True)(MEM, targets), looped)


def test_labels_may_vary_in_time():
    labels = torch.arange(21).reshape(7, 3) % 4
    targets = torch.nn.functional.one_hot(labels, 4).double()
    loss_fn = mse_membrane_loss(time_var_targets=True, reduction="none")
    assert torch.equal(loss_fn(MEM, labels), loss_fn(MEM, targets))


@pytest.mark.parametrize(
    "loss_fn",
    [
        ce_membrane_loss(),
        ce_membrane_loss("last", weight=[1.0, 2.0, 3.0, 4.0], label_smoothing=0.1),
        ce_max_membrane_loss(),
        ce_max_membrane_loss(weight=[1.0, 2.0, 3.0, 4.0]),
        mse_membrane_loss(on_target=1.5, off_target=-0.5),
        mse_membrane_loss(weight=[1.0, 2.0, 3.0, 4.0], reduction="sum"),
        ce_rate_loss(),
        ce_count_loss(),
        mse_count_loss(0.8, 0.2),
    ],
    ids=lambda loss_fn: type(loss_fn).__name__,
)
@pytest.mark.parametrize("lengths", [None, [7, 1, 4]], ids=["full", "ragged"])
@pytest.mark.filterwarnings("ignore:mse_count_loss.* spk_out has negative values")
def test_gradients_are_those_of_finite_differences(loss_fn, lengths):
    mem = MEM.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda u: loss_fn(u, TARGETS, lengths=lengths), mem)
    assert torch.autograd.gradgradcheck(lambda u: loss_fn(u, TARGETS, lengths=lengths), mem)
