"""Layers of images that several networks have."""

from __future__ import annotations

from torch import nn


def normed(channels: int, out_channels: int, size: int = 3, stride: int = 1) -> list[nn.Module]:
    """Return a convolution and batch norm; a bias before it would have no effect."""
    return [
        nn.Conv2d(channels, out_channels, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
    ]


def classifier(channels: int, num_classes: int) -> list[nn.Module]:
    """Return the mean over the image and a linear layer."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)]
