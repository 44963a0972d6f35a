"""The maximum over windows of images with channels last, for which one byte per window is kept."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from snn_core.engines import Windows, unviewed
from snn_cpu.gradients import Computed, Gradients

__all__ = ["ChannelsLast"]

_SMALLEST = 2**16  # values; for fewer, most of the time is spent in Python
_PLACES = 256  # the number of values of a byte


class ChannelsLast:
    """An implementation of ``torch.nn.functional.max_pool2d`` for images in channels-last layout.

    For the backward pass torch keeps the input and a position of eight bytes for each window; this class keeps one
    byte, the place of the largest value within the window.
    """

    name = "snn-cpu"
    device = "cpu"

    def takes(self, x: Tensor, windows: Windows) -> bool:
        """Return True if it takes images ``[images, channels, height, width]``."""
        return (
            x.dtype in (torch.float32, torch.float64)
            and x.numel() >= _SMALLEST
            and x.permute(0, 2, 3, 1).is_contiguous()
            and windows.kernel[0] * windows.kernel[1] <= _PLACES
            and all(s + 2 * p >= k for s, k, p in zip(x.shape[2:], windows.kernel, windows.padding, strict=True))
        )

    def max_pool2d(self, x: Tensor, windows: Windows) -> Tensor:
        """Return the largest value of each window, or NaN if the window contains one; differentiable by autograd."""
        out, place = torch.ops.snn_cpu.max_pool2d(x.detach().permute(0, 2, 3, 1), *windows)
        out = unviewed(out.permute(0, 3, 1, 2))
        if torch.is_grad_enabled() and x.requires_grad:
            gradients = Gradients(partial(_by_torch, windows), partial(_by_kernels, windows), keeps_x=False)
            out, _ = _MaxPool.apply(x, None, None, place, gradients, [out])
        return out


class _MaxPool(Computed):
    """The gradient of a maximum over windows."""


def _by_torch(windows: Windows, g: Tensor, x: Tensor, weight: None, place: Tensor, needs: Any) -> tuple[Any, ...]:
    return _Scattered.apply(g, _positions(place, x.shape[-1], windows), x), None, None


def _by_kernels(windows: Windows, g: Tensor, x: Tensor, weight: None, place: Tensor, needs: Any) -> tuple[Any, ...]:
    images = g.permute(0, 2, 3, 1).contiguous()
    gradient = torch.ops.snn_cpu.max_pool2d_gradient(images, place, *x.shape[2:], *windows)
    return unviewed(gradient.permute(0, 3, 1, 2)), None, None


def _positions(place: Tensor, width: int, windows: Windows) -> Tensor:
    """Return the position of the largest value of each window in its image, ``[images, channels, windows]``."""
    (_, columns), (down, right), (above, left) = windows
    place = place.permute(0, 3, 1, 2).long()
    rows = torch.arange(place.shape[2], device=place.device).unsqueeze(1) * down - above + place // columns
    across = torch.arange(place.shape[3], device=place.device) * right - left + place % columns
    return (rows * width + across).flatten(2)


class _Scattered(torch.autograd.Function):
    """The gradient of the input by torch, which can differentiate and map over it; it does not depend on the input."""

    generate_vmap_rule = True

    @staticmethod
    def forward(g: Tensor, positions: Tensor, token: Tensor) -> Tensor:
        flat = g.new_zeros((*token.shape[:2], token.shape[2] * token.shape[3]))
        return flat.scatter_add(2, positions, g.reshape(positions.shape)).reshape(token.shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])
        ctx.shape = inputs[0].shape

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None, Tensor]:
        (positions,) = ctx.saved_tensors
        of_g = grads[0].reshape(*positions.shape[:2], -1).gather(2, positions).reshape(ctx.shape)
        return of_g, None, torch.zeros_like(grads[0])
