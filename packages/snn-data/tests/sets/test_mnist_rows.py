"""mnist_rows: the images of mnist5k, cut into steps."""

from __future__ import annotations

import pytest
import torch

from snn_data import collate, mnist5k, mnist_rows


def test_a_step_is_a_row_of_the_image():
    for rows, images in zip(mnist_rows(), mnist5k(), strict=True):
        assert rows.data.shape == (len(images), 28, 28)
        for t in range(28):
            assert rows.data[:, t].equal(images.data[:, 0, t])
        assert rows.targets.equal(images.targets)


@pytest.mark.parametrize("steps", [1, 7, 49, 784])
def test_other_steps_go_on_where_the_last_ended(steps):
    rows, images = mnist_rows(steps=steps).test, mnist5k().test
    assert rows.data.shape == (1000, steps, 784 // steps)
    assert rows.data.flatten(1).equal(images.data.flatten(1))


def test_the_split_is_that_of_mnist5k():
    rows, images = mnist_rows(0.35, 7), mnist5k(0.35, 7)
    assert rows.test.data.flatten(1).equal(images.test.data.flatten(1))
    assert rows.test.targets.equal(images.test.targets)


@pytest.mark.parametrize("steps", [28, 784])
def test_one_permutation_is_that_of_every_image_in_both_parts(steps):
    order = torch.randperm(784, generator=torch.Generator().manual_seed(7))
    assert sorted(order.tolist()) == list(range(784))
    for rows, images in zip(mnist_rows(permutation_seed=7, steps=steps), mnist5k(), strict=True):
        assert rows.data.shape[1:] == (steps, 784 // steps)
        assert rows.data.is_contiguous()
        assert rows.data.flatten(1).equal(images.data.flatten(1)[:, order])
        assert rows.targets.equal(images.targets)


def test_the_permutation_follows_from_its_seed_alone():
    first = mnist_rows(permutation_seed=0).test.data
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert mnist_rows(permutation_seed=0).test.data.equal(first)
    assert torch.get_rng_state().equal(before)
    assert not mnist_rows(permutation_seed=1).test.data.equal(first)
    assert not mnist_rows().test.data.equal(first)


def test_a_batch_has_time_on_axis_0():
    train, _ = mnist_rows()
    batch = collate([train[i] for i in range(5)])
    assert batch.data.shape == (28, 5, 28)
    assert batch.data[:, 3].equal(train.data[3])


@pytest.mark.parametrize("steps", [0, -28, 27, 785, 28.0, "28", None])
def test_steps_that_do_not_divide_the_pixels_are_refused(steps):
    with pytest.raises(ValueError, match=r"steps of one size, got steps=.*: give a divisor of 784"):
        mnist_rows(steps=steps)
