"""vowels: aeon's copy of the utterances, in the parts of their authors."""

from __future__ import annotations

import sys

import pytest
import torch
from aeon.datasets import load_japanese_vowels

from snn_data import collate, vowels

# Numbers of test utterances by speaker, from the description of the data at UCI.
TEST_UTTERANCES = [31, 35, 88, 44, 29, 24, 40, 50, 29]


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_samples_are_those_that_aeon_reads(part):
    expected, names = load_japanese_vowels(split=part)
    dataset = getattr(vowels(), part)
    assert len(dataset) == len(expected)
    for sequence, channels in zip(dataset.data, expected, strict=True):
        assert sequence.equal(torch.from_numpy(channels.T.astype("float32")))
    assert dataset.targets.tolist() == [int(name) - 1 for name in names]


def test_every_speaker_has_the_utterances_that_the_authors_count():
    train, test = vowels()
    assert train.targets.bincount().tolist() == [30] * 9
    assert test.targets.bincount().tolist() == TEST_UTTERANCES


def test_utterances_are_7_to_29_frames_of_12_coefficients():
    train, test = vowels()
    lengths = torch.cat([train.lengths, test.lengths])
    assert (lengths.min(), lengths.max()) == (7, 29)
    for part in (train, test):
        assert {sequence.shape[1] for sequence in part.data} == {12}
        assert {sequence.dtype for sequence in part.data} == {torch.float32}
        assert all(sequence.is_contiguous() for sequence in part.data)
        assert part.targets.dtype == torch.int64


def test_a_batch_is_padded_to_its_longest_utterance():
    train, _ = vowels()
    batch = collate([train[i] for i in range(5)])
    assert batch.lengths.equal(train.lengths[:5])
    assert batch.data.shape == (int(train.lengths[:5].max()), 5, 12)


def test_without_aeon_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "aeon", None)
    with pytest.raises(ImportError, match=r"pip install 'snn-data\[vowels\]'"):
        vowels()
