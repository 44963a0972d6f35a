"""Small random changes of images, by which the programs of the demonstration augment them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from snn.demo.programs import digits, mnist

every_program = pytest.mark.parametrize("changed", [digits.changed, mnist.changed], ids=["digits", "mnist"])
Change = Callable[[Tensor, torch.Generator], Tensor]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@every_program
def test_the_generator_decides_and_the_global_one_is_not_used(changed: Change):
    images = torch.rand(3, 1, 7, 5)
    before = torch.get_rng_state()
    first, again, other = (changed(images, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@every_program
def test_every_image_is_changed_in_its_own_way(changed: Change):
    image = torch.zeros(1, 1, 8, 8)
    image[..., 2:6, 3:5] = 1
    first, second, third = changed(image.expand(3, -1, -1, -1), generator())
    assert first.shape == (1, 8, 8)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


@every_program
def test_brightness_stays_between_dark_and_full(changed: Change):
    images = changed(torch.ones(7, 1, 8, 8), generator())
    assert images.min() >= 0
    assert images.max() <= 1 + 1e-6


@pytest.mark.parametrize(("changed", "size", "shift"), [(digits.changed, 8, 0.5), (mnist.changed, 28, 2.0)])
def test_the_middle_moves_by_about_the_largest_shift_and_no_further(changed: Change, size: int, shift: float):
    image = torch.zeros(1, 1, size, size)
    image[..., size // 2 - 1 : size // 2 + 1, size // 2 - 1 : size // 2 + 1] = 1
    images = changed(image.expand(200, -1, -1, -1), generator())[:, 0]
    places = torch.arange(float(size)) - (size - 1) / 2
    for axis in (1, 2):
        shares = images.sum(axis) / images.sum((1, 2)).unsqueeze(1)
        # turning, scaling and shearing about the middle make the way longer by up to three fifths
        assert 0.8 * shift < (shares * places).sum(1).abs().max() < 1.6 * shift
