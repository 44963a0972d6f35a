"""Small random changes of images."""

from __future__ import annotations

import torch

from snn.demo.jitter import Jitter, jitter

MOST = Jitter(angle=0.15, scale=0.1, shear=0.1, shift=0.5)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_generator_decides_and_the_global_one_is_not_used():
    images = torch.rand(3, 1, 7, 5)
    before = torch.get_rng_state()
    first, again, other = (jitter(images, generator(seed), MOST) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_image_is_changed_in_its_own_way():
    image = torch.zeros(1, 1, 8, 8)
    image[..., 2:6, 3:5] = 1
    changed = jitter(image.expand(3, -1, -1, -1), generator(), MOST)
    assert changed.shape == (3, 1, 8, 8)
    assert not torch.equal(changed[0], changed[1])
    assert not torch.equal(changed[1], changed[2])


def test_brightness_stays_between_dark_and_full():
    changed = jitter(torch.ones(7, 1, 8, 8), generator(), MOST)
    assert changed.min() >= 0
    assert changed.max() <= 1 + 1e-6


def test_a_shift_alone_moves_the_center_of_mass_by_at_most_its_limit():
    most = Jitter(angle=0.0, scale=0.0, shear=0.0, shift=0.5)
    image = torch.zeros(1, 1, 7, 5)
    image[..., 3, 2] = 1
    changed = jitter(image.expand(50, -1, -1, -1), generator(), most)[:, 0]
    # linear interpolation keeps the mass of a point and moves its center by the shift itself
    assert torch.allclose(changed.sum((1, 2)), torch.ones(50), atol=1e-5)
    rows = (changed.sum(2) * torch.arange(7.0)).sum(1) - 3
    columns = (changed.sum(1) * torch.arange(5.0)).sum(1) - 2
    for moved in (rows, columns):
        assert 0.4 < moved.abs().max() <= most.shift + 1e-5
