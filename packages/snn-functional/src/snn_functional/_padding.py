"""The padding of convolutions."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F


def padded(layer: Any, x: Tensor) -> Tensor:
    """Return the input of a convolutional layer with the padding that the layer adds.

    Example:
        >>> import torch
        >>> padded(torch.nn.Conv1d(1, 1, 4, padding="same"), torch.ones(1, 1, 2))
        tensor([[[0., 1., 1., 0., 0.]]])
    """
    if layer.padding == "same":  # as torch, it adds one more behind than in front of the input if the sum is odd
        sums = [dilation * (size - 1) for dilation, size in zip(layer.dilation, layer.kernel_size, strict=True)]
        sides = [(total // 2, total - total // 2) for total in sums]
    else:
        sides = [(n, n) for n in ([0] * len(layer.kernel_size) if layer.padding == "valid" else layer.padding)]
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return F.pad(x, [number for pair in reversed(sides) for number in pair], mode=mode)
