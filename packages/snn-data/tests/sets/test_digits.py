"""The digits: all of scikit-learn's samples, each in exactly one part, the same on every run."""

from __future__ import annotations

import hashlib
import sys

import pytest
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader

from snn_data import digits, stratified_split

# Counts of the UCI test file, which scikit-learn ships.
PER_CLASS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def rows(part):
    """Every sample as a tuple of its 64 pixel counts and its class, for comparison as multisets."""
    pixels = (part.data * 16).round().to(torch.int64).reshape(-1, 64)
    return [(*sample, target) for sample, target in zip(pixels.tolist(), part.targets.tolist(), strict=True)]


def test_images_are_float32_in_zero_to_one_with_a_channel_axis():
    train, test = digits()
    for part in (train, test):
        assert part.data.dtype == torch.float32
        assert part.data.shape == (len(part), 1, 8, 8)
        assert part.data.min() == 0
        assert part.data.max() == 1
        assert part.targets.dtype == torch.int64
        assert part.targets.shape == (len(part),)


def test_the_two_parts_together_are_all_the_samples():
    pixels, labels = load_digits(return_X_y=True)
    everything = sorted((*map(int, image), int(label)) for image, label in zip(pixels, labels, strict=True))
    train, test = digits()
    assert len(everything) == 1797
    assert sorted(rows(train) + rows(test)) == everything


def test_no_image_is_in_both_parts():
    train, test = digits()
    assert not set(rows(train)) & set(rows(test))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.35])
def test_every_digit_has_the_same_share_of_the_test_part(share):
    train, test = digits(test_share=share)
    in_test = test.targets.bincount(minlength=10)
    assert (train.targets.bincount(minlength=10) + in_test).tolist() == PER_CLASS
    assert ((in_test - share * torch.tensor(PER_CLASS)).abs() < 1).all()


def test_split_seed_0_is_the_same_split_on_every_machine():
    _, labels = load_digits(return_X_y=True)
    indices = stratified_split(labels, 0.2, seed=0).test
    digest = hashlib.sha256(indices.numpy().astype("<i8").tobytes()).hexdigest()
    assert digest == "cb6ae1821d565aee524e37dd828cdb3061786b37e0c33250ded0ddf04d8149e6"
    assert digits().test.targets.equal(torch.as_tensor(labels)[indices])


def test_the_split_does_not_depend_on_the_training_seed():
    torch.manual_seed(1)
    first = digits(split_seed=7)
    torch.manual_seed(2)
    again = digits(split_seed=7)
    assert again.test.data.equal(first.test.data)
    assert again.train.targets.equal(first.train.targets)
    assert not digits(split_seed=8).test.targets.equal(first.test.targets)


def test_the_parts_feed_a_data_loader():
    images, targets = next(iter(DataLoader(digits().train, batch_size=7)))
    assert images.shape == (7, 1, 8, 8)
    assert targets.shape == (7,)


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'snn-data\[digits\]'"):
        digits()
