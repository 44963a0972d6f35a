"""Sum pooling."""

from __future__ import annotations

from torch import nn


def sum_pool(kernel_size: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> nn.AvgPool2d:
    """Return a layer that sums over windows, padded by zeros.

    Args:
        kernel_size: Height and width of the window.
        stride: Steps between windows.
        padding: Zeros on each side.

    Returns:
        An average pool that divides by 1, which torch and snn-core know how to run.

    Example:
        >>> import torch
        >>> sum_pool((2, 2), (2, 2), (0, 0))(torch.ones(1, 1, 2, 2)).item()
        4.0
    """
    return nn.AvgPool2d(kernel_size, stride, padding, divisor_override=1)
