"""watch_exercises: seglearn's recordings, each with who did what."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from snn_data import collate, group_split, watch_exercises


def test_the_recordings_are_those_that_numpy_unpickles():
    folder = importlib.util.find_spec("seglearn").submodule_search_locations[0]
    stored = np.load(Path(folder, "data", "watch_dataset.npy"), allow_pickle=True).item()
    recordings, subjects = watch_exercises()
    assert len(recordings) == len(stored["X"]) == 140
    for sequence, samples in zip(recordings.data, stored["X"], strict=True):
        assert sequence.equal(torch.from_numpy(samples.astype("float32")))
    assert recordings.targets.tolist() == stored["y"].tolist()
    assert subjects.tolist() == stored["subject"].tolist()


def test_each_of_ten_people_did_each_of_seven_exercises_with_either_arm():
    recordings, subjects = watch_exercises()
    counts = torch.zeros(11, 7, dtype=torch.int64)
    counts.index_put_((subjects, recordings.targets), torch.tensor(1), accumulate=True)
    assert counts[0].tolist() == [0] * 7
    assert counts[1:].tolist() == [[2] * 7] * 10


def test_recordings_are_947_to_2618_steps_of_six_channels():
    recordings, subjects = watch_exercises()
    assert (recordings.lengths.min(), recordings.lengths.max()) == (947, 2618)
    assert {sequence.shape[1] for sequence in recordings.data} == {6}
    assert {sequence.dtype for sequence in recordings.data} == {torch.float32}
    assert all(sequence.is_contiguous() for sequence in recordings.data)
    assert recordings.targets.dtype == subjects.dtype == torch.int64


def test_the_first_three_channels_are_mostly_gravity():
    recordings, _ = watch_exercises()
    strength = torch.cat(recordings.data)[:, :3].norm(dim=1)
    assert abs(strength.median() - 1) < 0.1


def test_a_split_by_subject_has_whole_people_and_every_exercise_in_both_parts():
    recordings, subjects = watch_exercises()
    train, test = group_split(subjects, share=0.3, seed=7)
    assert (len(train), len(test)) == (98, 42)
    assert set(subjects[train].tolist()).isdisjoint(subjects[test].tolist())
    assert recordings.targets[train].bincount().tolist() == [14] * 7
    assert recordings.targets[test].bincount().tolist() == [6] * 7


def test_a_batch_is_padded_to_its_longest_recording():
    recordings, _ = watch_exercises()
    batch = collate([recordings[i] for i in range(3)])
    assert batch.data.shape == (int(recordings.lengths[:3].max()), 3, 6)


def test_without_seglearn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "seglearn", None)
    with pytest.raises(ImportError, match=r"watch_exercises\(\) reads .* pip install 'snn-data\[watch\]'"):
        watch_exercises()
