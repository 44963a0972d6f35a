"""store_recall: commands and targets read off the spikes, delays and rates in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from snn_data import collate, store_recall


def groups_of(part, frames, neurons=10):
    """Spikes of each group in each frame, ``[sequences, frames, 4]``: bits 0 and 1, STORE, RECALL."""
    return part.data.unflatten(1, (frames, -1)).unflatten(3, (4, neurons)).sum((2, 4))


@pytest.mark.parametrize(("frames", "delay", "steps", "neurons"), [(12, 6, 200, 10), (2, 0, 300, 7), (7, 3, 150, 13)])
def test_the_target_is_the_bit_of_the_last_store_in_the_steps_of_each_recall(frames, delay, steps, neurons):
    for part in store_recall(30, 7, 3, frames=frames, delay=delay, steps=steps, neurons=neurons):
        assert part.data.shape[1:] == (frames * steps, 4 * neurons)
        assert part.targets.shape == part.data.shape[:2]
        assert (part.data.dtype, part.targets.dtype) == (torch.float32, torch.int64)
        assert set(part.data.unique().tolist()) == {0, 1}
        active = groups_of(part, frames, neurons) > 0  # no spike at all has a chance of 0.95 ** 1950
        assert active[..., :2].sum(2).eq(1).all()
        targets = part.targets.unflatten(1, (frames, steps))
        for sequence, expected in zip(active.tolist(), targets.tolist(), strict=True):
            stored = None
            for (_, bit, store, recall), target in zip(sequence, expected, strict=True):
                assert not (store and recall)
                assert target == [int(stored) if recall else -100] * steps  # a RECALL comes after a STORE
                assert not (store and stored is not None)
                stored = bit if store else None if recall else stored
            assert any(recall for *_, recall in sequence)


def test_an_active_channel_spikes_at_50_hz():
    train, _, _ = store_recall(60, 1, 1, neurons=5)
    counts = groups_of(train, 12, 5)
    places = (counts > 0).sum().item() * 200 * 5
    assert abs(counts.sum().item() - places * 0.05) < 4 * math.sqrt(places * 0.05 * 0.95)


def test_the_mean_delay_of_a_long_sequence_is_the_one_that_was_passed():
    # 400 frames, in which the end cuts off few delays
    train, _, _ = store_recall(150, 1, 1, frames=400, delay=3, steps=10, neurons=40)
    active = groups_of(train, 400, 40)[..., 2:] > 0
    delays = []
    for sequence in active.tolist():
        store = None
        for frame, (stores, recalls) in enumerate(sequence):
            if recalls:
                delays.append(frame - store - 1)
            store = frame if stores else store
    # geometric: the variance is (1 - p) / p ** 2 with p = 1 / 4
    assert len(delays) > 5000
    assert abs(sum(delays) / len(delays) - 3) < 4 * math.sqrt(12 / len(delays))


def test_sequences_of_two_frames_have_each_command_once():
    train, _, _ = store_recall(200, 1, 1, frames=2, delay=0, steps=30, neurons=30)
    active = groups_of(train, 2, 30) > 0
    assert active[:, 0, 2].all()
    assert active[:, 1, 3].all()
    assert not (active[:, 0, 3] | active[:, 1, 2]).any()
    ones = active[:, :, 1].sum().item()
    assert abs(ones - 200) < 4 * math.sqrt(100)  # the bits of 400 frames


def test_cross_entropy_takes_the_targets_and_ignores_all_steps_but_recalls():
    train, _, _ = store_recall(5, 1, 1, steps=4)
    answers = torch.nn.functional.one_hot(train.targets.clamp_min(0), 2).float()
    outputs = torch.where(train.targets.unsqueeze(2) < 0, torch.rand(5, 48, 2), 100 * answers)
    assert cross_entropy(outputs.flatten(0, 1), train.targets.flatten()).item() == 0


def test_the_sequences_follow_from_the_seed_and_the_size_of_their_part_alone():
    first = store_recall(5, 4, 3, steps=20, seed=3)
    torch.manual_seed(9)
    before = torch.get_rng_state()
    for part, again in zip(first, store_recall(5, 4, 3, steps=20, seed=3), strict=True):
        assert again.data.equal(part.data)
        assert again.targets.equal(part.targets)
    assert torch.get_rng_state().equal(before)
    assert store_recall(7, 4, 1, steps=20, seed=3).valid.data.equal(first.valid.data)
    assert not store_recall(5, 4, 3, steps=20, seed=4).valid.data.equal(first.valid.data)
    assert not first.train.data[:3].equal(first.test.data)


def test_a_batch_has_time_on_axis_0():
    train, _, _ = store_recall(3, 1, 1, steps=5)
    batch = collate([train[i] for i in range(3)])
    assert batch.data.shape == (60, 3, 40)
    assert batch.data[:, 2].equal(train.data[2])
    assert batch.targets.equal(train.targets)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 1}, "store_recall needs frames of 2 or more, got frames=1"),
        ({"steps": 0}, "store_recall needs steps of 1 or more, got steps=0"),
        ({"neurons": -3}, "store_recall needs neurons of 1 or more, got neurons=-3"),
        ({"delay": -1}, r"store_recall needs a delay of 0 to frames - 2 = 10, .* got delay=-1"),
        ({"delay": 4, "frames": 5}, r"store_recall needs a delay of 0 to frames - 2 = 3, .* got delay=4"),
        ({"valid_samples": 0}, "needs 1 sample or more in each part, got valid_samples=0"),
        ({"seed": -1}, "must be 0 or more, got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        store_recall(**{"train_samples": 1, "valid_samples": 1, **options})


@pytest.mark.parametrize("name", ["train_samples", "frames", "delay", "steps", "neurons", "seed"])
@pytest.mark.parametrize("value", [3.0, "3", None, True])
def test_a_number_that_is_not_whole_is_refused(name, value):
    with pytest.raises(TypeError, match=f"store_recall needs an integer {name}, got {value!r}"):
        store_recall(**{name: value})
