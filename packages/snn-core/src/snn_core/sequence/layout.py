"""Convolutions while a net runs layer by layer: in which layout, and over how much at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from snn_core.kernels.fused import fits

_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


class Layout:
    """Gives convolutions their input in channels-last layout, where it gains, and sees its size.

    In float32 on a CPU it gains: the layouts of oneDNN's convolutions have the channels inside, and torch pools a
    vector of channels at a time in this layout where it compares numbers one by one in the other. What follows a
    convolution keeps the layout by itself: pooling, normalization, neurons. Values and shapes are those of the net
    without; parameters keep their layout.

    ``largest`` is the size in bytes of the largest tensor that a convolution read or gave so far.

    Example:
        >>> conv, x = torch.nn.Conv2d(2, 3, 5), torch.zeros(7, 2, 8, 8)
        >>> layout = Layout()
        >>> layout.convolved(conv, x).stride(), layout.largest
        ((48, 1, 12, 3), 3584)
    """

    def __init__(self) -> None:
        self.largest: int = 0

    def convolved(self, convolve: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Convolve a tensor.

        Args:
            convolve: The convolution.
            x: Its input ``[rows, channels, ...]``.

        Returns:
            Its output.
        """
        x = _channels_last(x) if _gains(x) else x
        out = convolve(x)
        self.largest = max(self.largest, x.nbytes, out.nbytes)
        return out


def _gains(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.dim() in _FORMATS
        and torch.backends.mkldnn.is_available()
        and torch._C._get_mkldnn_enabled()
        and fits(x)
    )


def _channels_last(x: Tensor) -> Tensor:
    if x.shape[1] == 1:
        # a single channel is in both layouts at once, and torch tells them apart by the stride of an axis of length 1
        return x.contiguous().squeeze(1).unsqueeze(-1).movedim(-1, 1)
    return x.contiguous(memory_format=_FORMATS[x.dim()])
