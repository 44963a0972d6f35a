"""Every loss of a program is the one of snn-functional, values and gradients, with the batch first."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import snn_functional as functional
from snn_ipu.program.losses import LOSSES, chosen_loss, loss

WEIGHT = [0.5, 2.0, 0.0, 1.0]
CASES = {
    "ce_rate_loss": [{}, {"weight": WEIGHT}, {"population_code": True, "num_classes": 2}],
    "ce_count_loss": [{}, {"weight": WEIGHT}, {"population_code": True, "num_classes": 2}],
    "ce_max_membrane_loss": [{}, {"weight": WEIGHT}],
    "mse_count_loss": [
        {},
        {"correct_rate": 0.8, "incorrect_rate": 0.29},
        {"weight": WEIGHT, "correct_rate": 0.7},
        {"population_code": True, "num_classes": 2, "correct_rate": 0.6},
    ],
    "mse_membrane_loss": [{}, {"on_target": 1.5, "off_target": -0.25}, {"weight": WEIGHT}],
}


def test_every_loss_of_a_program_is_compared():
    assert set(CASES) == set(LOSSES)


@given(
    case=st.sampled_from([(name, options) for name, all_of in CASES.items() for options in all_of]),
    reduction=st.sampled_from(["mean", "sum"]),
    steps=st.integers(1, 9),
    batch=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_a_loss_is_that_of_snn_functional(case, reduction, steps, batch, seed):
    name, options = case
    loss_fn = getattr(functional, name)(reduction=reduction, **options)
    generator = torch.Generator().manual_seed(seed)
    classes = 2 if "num_classes" in options else 4
    labels = torch.randint(0, classes, (batch,), generator=generator)
    if options.get("weight"):
        labels[0] = 0  # so that the weights' sum is not 0
    spk = torch.rand(steps, batch, 4, generator=generator, dtype=torch.float64)
    spk = spk if "membrane" in name else (spk > 0.5).double()
    first, second = (spk.clone().requires_grad_() for _ in range(2))
    expected = loss_fn(first, labels)
    result = loss([second.transpose(0, 1)], labels, chosen_loss(loss_fn, outputs=1))
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-14)
    expected.backward()
    result.backward()
    torch.testing.assert_close(second.grad, first.grad, rtol=1e-6, atol=1e-12)


def test_the_regularizer_is_that_of_snn_functional():
    spk = (torch.rand(5, 3, 4, dtype=torch.float64) > 0.5).double()
    labels = torch.tensor([0, 1, 2])
    expected = functional.ce_rate_loss()(spk, labels) + functional.l1_rate_sparsity(Lambda=0.01)(spk)
    result = loss([spk.transpose(0, 1)], labels, chosen_loss("ce_rate", outputs=1, l1_rate=0.01))
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=0)


def test_a_bundle_of_another_version_keeps_its_mean():
    scores, labels = torch.rand(3, 5, 4, dtype=torch.float64), torch.tensor([0, 3, 1])
    chosen = functional.ce_count_loss(weight=WEIGHT)
    described = chosen_loss(chosen, outputs=1)
    over_samples = getattr(chosen, "mean_is_over_samples", False)  # of a snn-functional that divides by their number
    assert described["reduction"] == ("mean_of_samples" if over_samples else "mean")
    expected = torch.nn.functional.cross_entropy(scores.sum(1), labels, torch.tensor(WEIGHT, dtype=torch.float64))
    torch.testing.assert_close(loss([scores], labels, {**described, "reduction": "mean"}), expected)


def test_labels_may_be_int32_as_on_the_device():
    spk, labels = torch.rand(3, 5, 4), torch.tensor([0, 3, 1])
    described = chosen_loss("mse_count", outputs=1)
    assert loss([spk], labels.int(), described).equal(loss([spk], labels, described))


def test_membrane_losses_look_at_the_last_output_and_others_at_the_first():
    assert [chosen_loss(name, outputs=3)["of"] for name in ("mse_membrane", "ce_max_membrane", "ce_rate")] == [2, 2, 0]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"loss": functional.ce_temporal_loss()}, "IPU006: the loss 'ce_temporal_loss' is not lowered"),
        ({"loss": functional.ce_rate_loss}, "IPU006: the loss 'ce_rate_loss' is not lowered"),
        ({"loss": functional.ce_rate_loss(reduction="none")}, "reduction='none' is not lowered"),
        (
            {"loss": functional.ce_rate_loss(label_smoothing=0.1)},
            r"label_smoothing=0\.1 is not lowered; leave label_smoothing out",
        ),
        ({"loss": functional.mse_membrane_loss(time_var_targets=True)}, "time_var_targets=True is not lowered"),
        ({"loss": "ce_rate", "l1_rate": float("nan")}, "l1_rate is nan"),
        ({"loss": functional.ce_rate_loss(weight=WEIGHT), "sizes": [3]}, "weight has 4 entries for 3 classes"),
        (
            {"loss": functional.mse_count_loss(weight=WEIGHT, population_code=True, num_classes=2), "sizes": [4]},
            "weight has 4 entries for 2 classes; give one per class",
        ),
        ({"loss": "ce_rate", "l1_rate": "much"}, "l1_rate is 'much'"),
    ],
)
def test_unsupported_operations_are_named(options, text):
    with pytest.raises(ValueError, match=text):
        chosen_loss(options.pop("loss"), 1, **options)
