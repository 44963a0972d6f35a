"""Accuracy: counts, silence, population code."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn_functional import acc, accuracy_membrane, accuracy_rate, ce_membrane_loss
from snn_functional._spike_times import first_spikes
from snn_functional._steps import Steps


def test_the_class_with_most_spikes_is_the_answer():
    # Counts: sample 0 (2, 1, 0), sample 1 (0, 1, 2), sample 2 (0, 3, 0); labels 0, 0, 1: 2 of 3.
    spk = torch.zeros(3, 3, 3)
    spk[:2, 0, 0] = 1
    spk[2, 0, 1] = 1
    spk[0, 1, 1] = 1
    spk[1:, 1, 2] = 1
    spk[:, 2, 1] = 1
    accuracy = accuracy_rate(spk, torch.tensor([0, 0, 1]))
    assert isinstance(accuracy, float)
    assert accuracy == pytest.approx(2 / 3)


def test_a_silent_sample_is_wrong_even_if_its_label_is_zero():
    spk = torch.zeros(5, 3, 2)
    spk[1, 0, 0] = 1
    # The maximum of no spikes is found at class 0; samples 1 and 2 said nothing. 1 of 3 is right, 2 of 3 are silent.
    answer = accuracy_rate(spk, torch.tensor([0, 0, 0]), return_silent=True)
    assert answer == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert all(isinstance(share, float) for share in answer)


def test_a_recording_that_is_a_view_is_counted_as_its_copy():
    spk = (torch.rand(5, 7, 6, generator=torch.Generator().manual_seed(0)) < 0.4).float()  # batch first
    by_time, targets = spk.transpose(0, 1), torch.arange(5)
    assert not by_time.is_contiguous()
    answers = [int(counts.argmax()) for counts in spk.sum(1)]
    expected = sum(answer == target for target, answer in enumerate(answers)) / 5
    assert accuracy_rate(by_time, targets) == accuracy_rate(by_time.contiguous(), targets) == pytest.approx(expected)
    assert 0 < expected < 1


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


@pytest.mark.parametrize("autocast", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("accuracy", [accuracy_rate, acc.accuracy_temporal])
def test_autocast_changes_no_accuracy(accuracy, autocast):
    spk = (torch.rand(601, 40, 3) < 0.9).float()
    spk[:300, ::2] = 0
    targets = spk.sum(0).argmax(-1)
    expected = accuracy(spk, targets, return_silent=True)
    with torch.autocast("cpu", dtype=autocast):
        assert accuracy(spk, targets, return_silent=True) == expected
    assert accuracy is not accuracy_rate or expected == (1, 0)


@pytest.mark.parametrize("accuracy", [accuracy_rate, acc.accuracy_temporal])
@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_nan_is_refused_wherever_it_counts(accuracy, step, dtype):
    spk = torch.ones(3, 2, 2, dtype=dtype)
    spk[step, 1, 0] = math.nan
    targets = torch.tensor([0, 0])
    with pytest.raises(ValueError, match="spk_out contains NaN"):
        accuracy(spk, targets)
    if step:
        assert accuracy(spk, targets, lengths=[3, step]) == 1


def test_spikes_may_require_a_gradient():
    spk = torch.ones(3, 2, 1, requires_grad=True)
    assert accuracy_rate(spk, torch.tensor([0, 0])) == 1.0


def test_both_routes_lead_to_one_function():
    assert acc.accuracy_rate is accuracy_rate


@st.composite
def recordings(draw):
    """Few values of both signs and few outputs, so that many counts are equal, and many are 0."""
    steps, batch, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 5))
    number = steps * batch * outputs
    values = draw(st.lists(st.sampled_from([0, 0, 1, 1, -1, 0.5, -math.inf]), min_size=number, max_size=number))
    labels = draw(st.lists(st.integers(0, outputs - 1), min_size=batch, max_size=batch))
    return torch.tensor(values).reshape(steps, batch, outputs), labels


@pytest.mark.filterwarnings("ignore:accuracy_rate.* spk_out has negative values")
@given(recordings())
def test_ties_signs_and_silence_are_decided_as_by_a_loop(recording):
    spk, labels = recording
    correct = silent = 0
    for sample, label in zip(spk.unbind(1), labels, strict=True):
        counts = [sum(column) for column in sample.T.tolist()]
        says_nothing = all(value == 0 for row in sample.tolist() for value in row)
        silent += says_nothing
        correct += not says_nothing and counts.index(max(counts)) == label
    answer = accuracy_rate(spk, torch.tensor(labels), return_silent=True)
    assert answer == (correct / len(labels), silent / len(labels))


@pytest.mark.filterwarnings("ignore:accuracy_rate.* spk_out has negative values")
def test_an_infinite_count_is_the_highest():
    spk = torch.tensor([[[1.0, math.inf, math.inf], [5.0, -math.inf, 2.0]]])
    assert accuracy_rate(spk, torch.tensor([1, 0])) == 1.0
    assert accuracy_rate(spk, torch.tensor([2, 2])) == 0.0


@pytest.mark.parametrize("accuracy", [accuracy_rate, acc.accuracy_temporal])
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float32])
def test_the_judged_net_is_unchanged(accuracy, dtype):
    spk = torch.tensor([[[0, 1, 1]], [[1, 0, 1]]]).to(dtype)
    before = spk.clone()
    accuracy(spk, torch.tensor([2]))
    assert torch.equal(spk, before)


@pytest.mark.parametrize("value", [-2.0, 0.25, 1e-45, math.inf, math.nan])
def test_all_but_zero_is_a_spike_in_time(value):
    # output 1 fires in step 1, output 0 in step 2; minus zero is none
    spk = torch.tensor([[-0.0, -0.0, -0.0], [0.0, value, 0.0], [value, value, 0.0]]).unsqueeze(1)
    assert (_first_step(spk) == torch.tensor([2, 1, 2])).all()


def _first_step(spk):
    index, _ = next(first_spikes(spk, Steps(spk, None, None)))
    return index


def test_the_class_with_the_highest_membranes_is_the_answer():
    mem = torch.tensor([[[0.0, 2.0], [-1.0, 0.5]], [[1.0, -9.0], [-1.0, -2.0]], [[2.0, 1.0], [-1.0, 0.0]]])
    # means (1, -2) and (-1, -0.5); maxima (2, 2) and (-1, 0.5); last ones (2, 1) and (-1, 0)
    shares = {"mean": (1.0, 0.0, 1.0), "max": (1.0, 0.0, 1.0), "last": (1.0, 0.0, 1.0)}
    for over, (right, wrong, mixed) in shares.items():
        assert accuracy_membrane(mem, torch.tensor([0, 1]), over) == right
        assert accuracy_membrane(mem, torch.tensor([1, 0]), over) == wrong
        assert accuracy_membrane(mem[:, :1], torch.tensor([0]), over) == mixed
    assert accuracy_membrane(mem[:2, :1], torch.tensor([0]), "last") == 1  # (1, -9)
    assert accuracy_membrane(mem[:2, :1], torch.tensor([1]), "max") == 1  # (1, 2)
    assert accuracy_membrane(mem[:1, :1], torch.tensor([1])) == 1  # (0, 2)


@pytest.mark.parametrize("over", ["mean", "max", "last"])
@pytest.mark.parametrize("masked", [False, True], ids=["lengths", "mask"])
def test_the_answer_from_membranes_is_the_label_of_least_cross_entropy(over, masked):
    generator = torch.Generator().manual_seed(3)
    mem = torch.randn(7, 9, 4, generator=generator)
    lengths = torch.arange(9) % 7 + 1
    counts = torch.arange(7).unsqueeze(1) < lengths
    steps = {"mask": counts} if masked else {"lengths": lengths}
    loss = ce_membrane_loss(over, reduction="none")
    losses = torch.stack([loss(mem, torch.full((9,), label), **steps) for label in range(4)])
    answers = losses.argmin(0)
    padded = mem.masked_fill(~counts.unsqueeze(-1), float("nan"))
    assert accuracy_membrane(padded, answers, over, **steps) == 1
    assert accuracy_membrane(padded, (answers + 1) % 4, over, **steps) == 0
    assert accuracy_membrane(padded, torch.where(torch.arange(9) < 5, answers, (answers + 1) % 4), over, **steps) == (
        pytest.approx(5 / 9)
    )


@pytest.mark.parametrize("dtype", [torch.int64, torch.float16, torch.bfloat16, torch.float64])
def test_membranes_of_every_real_dtype_are_added_up(dtype):
    mem = torch.ones(300, 1, 2)
    mem[0, 0, 0] = 0  # sums of 299 and 300, which bfloat16 could not tell apart
    assert accuracy_membrane(mem.to(dtype), torch.tensor([1])) == 1
