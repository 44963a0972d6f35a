"""Convolutions in a net that runs layer by layer, by registered implementations and in the faster layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.engines.dtypes import is_autocast
from snn_core.engines.fused import fits
from snn_core.engines.products import is_compiled, offers, pair
from snn_core.engines.registry import first_of


class Moves(NamedTuple):
    """The stride, padding and dilation of windows over images, in rows and columns, and the number of groups."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


class ConvolutionKernel(Protocol):
    """An implementation of ``torch.nn.functional.conv2d`` for many images at once, on one type of device.

    ``gains`` says in a few words when it is faster.
    """

    name: str
    device: str
    gains: str

    def refuses(self, x: Tensor, weight: Tensor, bias: Tensor | None, moves: Moves) -> str | None:
        """Return None to take the call, or the reason for refusing it; the tensors are plain and on the device."""

    def conv2d(self, x: Tensor, weight: Tensor, bias: Tensor | None, moves: Moves) -> tuple[Tensor, str]:
        """Return the output of ``conv2d``, differentiable by autograd, and how it was computed."""


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Tensor, str]:
    """Compute ``torch.nn.functional.conv2d`` by a registered implementation that takes the call, and say how."""
    convolutions, why = offers("conv2d", x, weight, bias)
    moves = _moves(weight, stride, padding, dilation, groups) if convolutions else None
    if moves is None:
        why = why or f"padding {padding!r}"
    else:
        convolution, why = first_of(convolutions, x, weight, bias, moves)
        if convolution is not None:
            out, how = convolution.conv2d(x, weight, bias, moves)
            return out, f"{how} ({convolution.name})"
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups), f"dense convolution ({why})"


def _moves(weight: Tensor, stride: Any, padding: Any, dilation: Any, groups: int) -> Moves | None:
    """Return the moves that the arguments describe; None if the padding differs between sides or is not valid."""
    steps, apart = pair(stride), pair(dilation)
    if steps is None or apart is None or weight.dim() != 4:
        return None
    reach = [d * (k - 1) for d, k in zip(apart, weight.shape[2:], strict=True)]
    if padding == "same":
        margin = None if any(r % 2 for r in reach) else (reach[0] // 2, reach[1] // 2)
    else:
        margin = (0, 0) if padding == "valid" else pair(padding)
    return None if margin is None or min(margin) < 0 else Moves(steps, margin, apart, groups)


def takes(module: nn.Module) -> bool:
    """Return True for a ``Conv2d`` layer that may be computed by something other than its ``forward``."""
    return (
        isinstance(module, nn.Conv2d)
        and (type(module).forward, type(module)._conv_forward) == _CONV2D
        and not {"forward", "_conv_forward"} & vars(module).keys()
        and module.padding_mode == "zeros"
        and not is_compiled(module)
    )


_CONV2D = nn.Conv2d.forward, nn.Conv2d._conv_forward  # as they are at import, before anyone can replace them


class ChannelsLast:
    """The choice of the channels-last layout for the input of convolutions, where it is faster.

    It is faster in float32 on a CPU, and in bfloat16 under autocast: the layouts of oneDNN's convolutions have the
    channels innermost, and torch pools a vector of channels at a time in this layout, but compares numbers one by one
    in the other. What follows a convolution keeps the layout by itself: pooling, normalization, neurons. Values and
    shapes are the same as without it; parameters keep their layout.

    ``largest`` is the size in bytes of the largest tensor that a convolution has read or returned so far.
    """

    def __init__(self) -> None:
        self.largest: int = 0

    def called(self, module: Any, x: Tensor) -> tuple[Tensor, str | None]:
        """Return a convolutional layer's output, and how it was computed; None if the layer itself computed it."""
        if not takes(module):
            return self.convolved(module, x), None
        return self.conv2d(x, module.weight, module.bias, module.stride, module.padding, module.dilation, module.groups)

    def conv2d(self, x: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, str]:
        """Compute :func:`conv2d` in the layout chosen here."""
        x = _channels_last(x)
        out, how = conv2d(x, *args, **kwargs)
        return self._noted(x, out), how

    def convolved(self, convolve: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Return the output of a convolution for an input ``[rows, channels, ...]``."""
        x = _channels_last(x)
        return self._noted(x, convolve(x))

    def _noted(self, x: Tensor, out: Tensor) -> Tensor:
        self.largest = max(self.largest, x.nbytes, out.nbytes)
        return out


_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def _gains(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and (x.dtype == torch.float32 or (x.dtype == torch.bfloat16 and is_autocast("cpu")))
        and x.dim() in _FORMATS
        and torch.backends.mkldnn.is_available()
        and bool(torch.backends.mkldnn.enabled)
        and fits(x)
    )


def _channels_last(x: Tensor) -> Tensor:
    """Return an input in channels-last layout, if that is faster."""
    if not _gains(x):
        return x
    if x.shape[1] == 1:
        # a single channel fits both layouts at once, and torch tells them apart by the stride of an axis of length 1
        return x.contiguous().squeeze(1).unsqueeze(-1).movedim(-1, 1)
    return x.contiguous(memory_format=_FORMATS[x.dim()])
