"""Small random changes of images, so that a network learns shapes and not pixels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Jitter", "jitter"]


class Jitter(NamedTuple):
    """The largest changes of an image: ``angle`` in radians, ``shift`` in pixels, the others as shares."""

    angle: float
    scale: float
    shear: float
    shift: float


def jitter(images: Tensor, generator: torch.Generator, most: Jitter) -> Tensor:
    r"""Turn, scale, shear and shift each image a little.

    .. math:: x' = \begin{pmatrix} s\cos\varphi & h - s\sin\varphi \\ s\sin\varphi & s\cos\varphi \end{pmatrix} x + d

    Args:
        images: ``[batch, channels, height, width]``.
        generator: Source of the random numbers, on the CPU.
        most: The largest changes; each change is drawn evenly up to its limit, in both directions.

    Example:
        >>> images = torch.rand(3, 1, 8, 8)
        >>> jitter(images, torch.Generator().manual_seed(0), Jitter(0.2, 0.1, 0.1, shift=1.0)).shape
        torch.Size([3, 1, 8, 8])

    Source: Simard, Steinkraus, Platt, Best Practices for Convolutional Neural Networks (2003), section 2.
    """

    def between(limit: float) -> Tensor:
        return (torch.rand(len(images), generator=generator) * 2 - 1) * limit

    angle, scale, shear = between(most.angle), 1 + between(most.scale), between(most.shear)
    # affine_grid counts in halves of the image
    right, down = between(most.shift * 2 / images.shape[-1]), between(most.shift * 2 / images.shape[-2])
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = torch.stack([cos, shear - sin, right, sin, cos, down], dim=1).unflatten(1, (2, 3))
    grid = functional.affine_grid(rows, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
