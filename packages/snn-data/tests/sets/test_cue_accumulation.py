"""cue_accumulation: the times of a trial, rates and chances in closed form, and the answer counted from the spikes."""

from __future__ import annotations

import math

import pytest
import torch

from snn_data import collate, cue_accumulation


def cues_of(data, cues):
    """Spikes of the left and the right channels during each cue, ``[trials, cues, 2]``."""
    windows = [data[:, 150 * k + 50 : 150 * k + 150, :20].unflatten(2, (2, 10)).sum((1, 3)) for k in range(cues)]
    return torch.stack(windows, dim=1)


@pytest.mark.parametrize(("cues", "delay"), [(7, 1050), (1, 0), (3, 17)])
def test_the_channels_of_cues_and_question_are_silent_at_other_times(cues, delay):
    for part in cue_accumulation(20, 7, 3, cues=cues, delay=delay):
        steps = 150 * cues + delay + 150
        assert part.data.shape[1:] == (steps, 40)
        assert (part.data.dtype, part.targets.dtype) == (torch.float32, torch.int64)
        assert set(part.data.unique().tolist()) == {0, 1}
        silent = torch.ones(steps, 40, dtype=torch.bool)
        for k in range(cues):
            silent[150 * k + 50 : 150 * k + 150, :20] = False
        silent[steps - 150 :, 20:30] = False
        silent[:, 30:] = False
        assert part.data[:, silent].sum() == 0


@pytest.mark.parametrize("cues", [1, 5, 7])
def test_each_cue_is_on_one_side_and_the_target_is_the_side_with_more(cues):
    train, _, _ = cue_accumulation(150, 1, 1, cues=cues, delay=0)
    active = cues_of(train.data, cues) > 0  # no spike at all has a chance of 0.96 ** 1000
    assert active.sum(2).eq(1).all()
    sides = active[..., 1].long()
    assert train.targets.tolist() == [int(sum(trial) * 2 > cues) for trial in sides.tolist()]


def test_rates_are_40_hz_for_signals_and_10_hz_for_noise():
    data = cue_accumulation(60, 1, 1).train.data
    cases = (
        (cues_of(data, 7).sum(), 60 * 7 * 1000, 0.04),
        (data[:, -150:, 20:30].sum(), 60 * 1500, 0.04),
        (data[..., 30:].sum(), 60 * 22500, 0.01),
    )
    for spikes, places, chance in cases:
        assert abs(spikes - places * chance) < 4 * math.sqrt(places * chance * (1 - chance))


def test_the_number_of_cues_on_the_right_is_a_mixture_of_two_binomials():
    trials = 1500
    train, _, _ = cue_accumulation(trials, 1, 1, cues=3, delay=0)
    right = (cues_of(train.data, 3)[..., 1] > 0).sum(1)
    for k, count in enumerate(right.bincount(minlength=4).tolist()):
        chance = math.comb(3, k) * (0.7**k * 0.3 ** (3 - k) + 0.3**k * 0.7 ** (3 - k)) / 2
        assert abs(count - trials * chance) < 4 * math.sqrt(trials * chance * (1 - chance))


def test_the_trials_follow_from_the_seed_and_the_size_of_their_part_alone():
    first = cue_accumulation(5, 4, 3, seed=3)
    torch.manual_seed(9)
    before = torch.get_rng_state()
    for part, again in zip(first, cue_accumulation(5, 4, 3, seed=3), strict=True):
        assert again.data.equal(part.data)
        assert again.targets.equal(part.targets)
    assert torch.get_rng_state().equal(before)
    assert cue_accumulation(7, 4, 1, seed=3).valid.data.equal(first.valid.data)
    assert not cue_accumulation(5, 4, 3, seed=4).valid.data.equal(first.valid.data)
    assert not first.train.data[:3].equal(first.test.data)


def test_a_batch_has_time_on_axis_0():
    train, _, _ = cue_accumulation(3, 1, 1, cues=1, delay=5)
    batch = collate([train[i] for i in range(3)])
    assert batch.data.shape == (305, 3, 40)
    assert batch.data[:, 2].equal(train.data[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cues": 6}, "needs an odd number of cues, so that one side has more, got cues=6"),
        ({"cues": -1}, "needs an odd number of cues, .* got cues=-1"),
        ({"delay": -5}, "needs a delay of 0 steps or more, got delay=-5"),
        ({"valid_samples": 0}, "needs 1 sample or more in each part, got valid_samples=0"),
        ({"seed": -1}, "must be 0 or more, got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cue_accumulation(**{"train_samples": 1, "valid_samples": 1, **options})


@pytest.mark.parametrize("name", ["train_samples", "cues", "delay", "seed"])
@pytest.mark.parametrize("value", [3.0, "3", None, True])
def test_a_number_that_is_not_whole_is_refused(name, value):
    with pytest.raises(TypeError, match=f"cue_accumulation needs an integer {name}, got {value!r}"):
        cue_accumulation(**{name: value})
