"""plaid: sktime's copy of the currents, in the parts of the archive."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from sktime.datasets import load_plaid

from snn_data import collate, plaid


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_samples_are_those_that_sktime_reads(part):
    expected, names = load_plaid(split=part)
    dataset = getattr(plaid(), part)
    assert len(dataset) == len(expected) == 537
    for sequence, series in zip(dataset.data, expected.iloc[:, 0], strict=True):
        assert sequence.equal(torch.from_numpy(np.asarray(series, dtype=np.float32)).unsqueeze(1))
    assert dataset.targets.tolist() == [int(name) for name in names]


def test_the_two_parts_have_each_type_equally_often():
    train, test = plaid()
    counts = torch.stack([part.targets.bincount(minlength=11) for part in (train, test)])
    assert counts.sum() == 1074  # the recordings of 2013, Gao et al. (2014)
    assert counts.amin() == 13
    assert ((counts[0] - counts[1]).abs() <= 1).all()


def test_sequences_are_100_to_1344_steps_of_one_channel():
    train, test = plaid()
    lengths = torch.cat([train.lengths, test.lengths])
    assert (lengths.min(), lengths.max()) == (100, 1344)
    for part in (train, test):
        assert {sequence.shape[1] for sequence in part.data} == {1}
        assert {sequence.dtype for sequence in part.data} == {torch.float32}
        assert all(sequence.is_contiguous() for sequence in part.data)
        assert part.targets.dtype == torch.int64


def test_a_batch_is_padded_to_its_longest_sequence():
    train, _ = plaid()
    batch = collate([train[i] for i in (0, 99, 200)])
    assert batch.lengths.equal(train.lengths[[0, 99, 200]])
    assert batch.data.shape == (int(batch.lengths.max()), 3, 1)


def test_without_sktime_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sktime", None)
    with pytest.raises(ImportError, match=r"plaid\(\) reads .* pip install 'snn-data\[plaid\]'"):
        plaid()
