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


def test_both_routes_lead_to_one_function():
    assert acc.accuracy_rate is accuracy_rate
