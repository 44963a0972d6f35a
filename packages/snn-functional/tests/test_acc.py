"""Accuracy: counts, silence, population code."""

import pytest
import torch

from snn_functional import acc, accuracy_rate


def test_the_class_with_most_spikes_is_the_answer():
    # Counts: sample 0 (2, 1, 0), sample 1 (0, 1, 2), sample 2 (0, 3, 0); labels 0, 0, 1: 2 of 3.
    spk = torch.zeros(3, 3, 3)
    spk[:2, 0, 0] = 1
    spk[2, 0, 1] = 1
    spk[0, 1, 1] = 1
    spk[1:, 1, 2] = 1
    spk[:, 2, 1] = 1
    accuracy = accuracy_rate(spk, torch.tensor([0, 0, 1]))
    assert type(accuracy) is float
    assert accuracy == pytest.approx(2 / 3)


def test_a_silent_sample_is_wrong_even_if_its_label_is_zero():
    spk = torch.zeros(5, 3, 2)
    spk[1, 0, 0] = 1
    # The maximum of no spikes is found at class 0; samples 1 and 2 said nothing. 1 of 3 is right, 2 of 3 are silent.
    answer = accuracy_rate(spk, torch.tensor([0, 0, 0]), return_silent=True)
    assert answer == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert all(type(share) is float for share in answer)


def test_a_population_votes_together():
    # Groups of 3 outputs: output 5 fires most (3 times), but group 0 fires 4 times.
    spk = torch.zeros(3, 1, 6)
    spk[:, 0, 5] = 1
    spk[:2, 0, 0] = 1
    spk[:2, 0, 2] = 1
    assert accuracy_rate(spk, torch.tensor([0]), population_code=True, num_classes=2) == 1.0
    assert accuracy_rate(spk, torch.tensor([5])) == 1.0


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64])
def test_spikes_of_every_real_dtype_count(dtype):
    spk = torch.ones(300, 1, 3)
    spk[:1, 0, 0] = 0
    spk[:2, 0, 2] = 0
    # 299, 300 and 298 spikes: bfloat16 and uint8 could not tell them apart.
    assert accuracy_rate(spk.to(dtype), torch.tensor([1])) == 1.0


def test_spikes_that_need_a_gradient_are_welcome():
    spk = torch.ones(3, 2, 1, requires_grad=True)
    assert accuracy_rate(spk, torch.tensor([0, 0])) == 1.0


@pytest.mark.parametrize(
    ("spk", "targets", "kwargs", "message"),
    [
        (torch.zeros(3, 2), torch.tensor([0, 1]), {}, r"spk_out has shape \(3, 2\)"),
        (torch.zeros(3, 0, 2), torch.zeros(0, dtype=torch.int64), {}, "none of them 0"),
        (torch.zeros(3, 2, 2), torch.tensor([0]), {}, r"targets has shape \(1,\)"),
        (torch.zeros(3, 2, 2), torch.tensor([0, 2]), {}, "targets holds 2"),
        (torch.zeros(3, 2, 2), torch.tensor([0, 1]), {"population_code": True}, "num_classes is not given"),
        (torch.zeros(3, 2, 5), torch.tensor([0, 1]), {"population_code": True, "num_classes": 2}, "5 outputs"),
    ],
)
def test_what_does_not_fit_is_refused(spk, targets, kwargs, message):
    with pytest.raises(ValueError, match=message):
        accuracy_rate(spk, targets, **kwargs)


def test_what_is_of_the_wrong_kind_is_refused():
    with pytest.raises(TypeError, match="spk_out is a list"):
        accuracy_rate([1.0], torch.tensor([0]))
    with pytest.raises(TypeError, match="labels are integers"):
        accuracy_rate(torch.ones(3, 1, 2), torch.tensor([0.0]))


def test_both_routes_lead_to_one_function():
    assert acc.accuracy_rate is accuracy_rate
