"""Convolutions and what pools them while a net runs layer by layer: in which layout, and over how much at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from snn_core.kernels import pooling
from snn_core.kernels.fused import fits

__all__ = ["Convolutions"]

_AXES = {
    **dict.fromkeys((torch.conv1d, torch.conv_transpose1d), 3),
    **dict.fromkeys((torch.conv2d, torch.conv_transpose2d), 4),
    **dict.fromkeys((torch.conv3d, torch.conv_transpose3d), 5),
}
_MAX_POOL = (functional.max_pool2d, torch.max_pool2d)
_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


class Convolutions(TorchFunctionMode):
    """Gives every convolution called inside its input in channels-last layout, where it gains, and sees its size.

    In float32 on a CPU it gains: the layouts of oneDNN's convolutions have the channels inside, and torch pools a
    vector of channels at a time in this layout where it compares numbers one by one in the other. What follows a
    convolution keeps the layout by itself: pooling, normalisation, neurons. The maximum over windows is computed by
    what is registered for it. Values and shapes are those of the net without; parameters keep their layout.

    ``largest`` is the size in bytes of the largest tensor that a convolution read or gave so far.

    Example:
        >>> conv, x = torch.nn.Conv2d(2, 3, 5), torch.zeros(7, 2, 8, 8)
        >>> with Convolutions() as convolutions:
        ...     conv(x).stride(), convolutions.largest
        ((48, 1, 12, 3), 3584)
    """

    def __init__(self) -> None:
        super().__init__()
        self.largest: int = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _AXES and args:
            if args[0].dim() == _AXES[func] and _gains(args[0]):
                args = (_channels_last(args[0]), *args[1:])
            out = func(*args, **kwargs)
            self.largest = max(self.largest, args[0].nbytes, out.nbytes)
            return out
        if func in _MAX_POOL and args:
            return pooling.max_pool2d(func, *args, **kwargs)
        if func in (Tensor.view, Tensor.view_as) and not args[0].is_contiguous():
            # a forward written for the usual layout may flatten by view, which this layout cannot give without a copy
            shape = (args[1].shape,) if func is Tensor.view_as else kwargs.get("size") or args[1:]
            if shape and not isinstance(shape[0], torch.dtype):
                return args[0].reshape(*shape)
        return func(*args, **kwargs)


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
