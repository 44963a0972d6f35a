"""Convolutions of spikes, and of other images that are mostly zero: sums over nonzero values instead of products."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from snn_core.engines import Moves, unviewed
from snn_cpu.gradients import Computed, Gradients

__all__ = ["SpikeAwareConvolution", "highest_share"]

_SMALLEST = 2**24  # multiplications; with fewer, examining the input costs part of the gain
_LARGEST = 2**27  # values of an image, or weights, which are counted in 32 bits
_HIGHEST_GRADIENT = 0.25  # the largest share of nonzero gradients for which sums are taken


class SpikeAwareConvolution:
    """An implementation of ``torch.nn.functional.conv2d`` that examines its input.

    If little of the input is nonzero, the output and the gradient of the weights are sums over the nonzero values.
    Spikes are packed into bits, which suffice for the backward pass. The gradient of the input consists of such sums if
    little of the output's gradient is nonzero, as after a maximum over windows. Torch computes the rest. Infinite
    values and NaN make the convolution dense again, as a product spreads them to places where the other factor is zero.
    """

    name = "snn-cpu"
    device = "cpu"
    gains = "sums over nonzero values where few are nonzero"

    def refuses(self, x: Tensor, weight: Tensor, bias: Tensor | None, moves: Moves) -> str | None:
        """Return None to take the call, else the reason for refusing it."""
        if x.dtype not in (torch.float32, torch.float64):
            return f"{str(x.dtype).removeprefix('torch.')} input; it takes float32 and float64"
        if any(t is not None and t.dtype != x.dtype for t in (weight, bias)):
            return "weight and bias do not have the dtype of the input"
        for what, (rows, columns) in (("stride", moves.stride), ("dilation", moves.dilation)):
            if (rows, columns) != (1, 1):
                return f"{what} {rows} x {columns}; it takes 1 x 1"
        if moves.groups != 1:
            return f"{moves.groups} groups of channels; it takes one"
        outputs = _outputs(x, weight, moves) if x.dim() == 4 and weight.dim() == 4 else None
        if outputs is None or x.shape[1] != weight.shape[1] or (bias is not None and bias.shape != weight.shape[:1]):
            return "not images into which the kernel fits"
        if x.numel() * weight.numel() < _SMALLEST * x.shape[1]:
            return "too little work for a gain"
        row = (outputs[1] + 2 * weight.shape[3]) * weight.shape[0]
        if max(x[0].numel(), outputs[0] * row, weight.numel(), 256 * weight[0, ..., 0].numel()) > _LARGEST:
            return "the images or the kernel are too large"
        return None

    def conv2d(self, x: Tensor, weight: Tensor, bias: Tensor | None, moves: Moves) -> tuple[Tensor, str]:
        """Return ``conv2d(x, weight, bias, padding=moves.padding)`` and how it was computed.

        The output is differentiable by autograd, and in channels-last layout if sums are taken; images in that layout
        are not copied.
        """
        plain = x.detach(), weight.detach(), None if bias is None else bias.detach()
        out, bits, values, how = _sums(*plain, moves)
        if out is None:
            if not (torch.is_grad_enabled() and x.requires_grad):
                return F.conv2d(x, weight, bias, padding=moves.padding), how
            out = F.conv2d(*plain, padding=moves.padding)
        if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias)):
            spikes, padding = bits is not None and values is None, moves.padding
            gradients = Gradients(
                lambda g, x, weight, _, needs: _by_torch(g, x, weight, padding, needs),
                partial(_by_kernels, spikes, padding),
                keeps_x=not spikes,
                unpack=_unpacked if spikes else None,
            )
            out, _ = _Conv2d.apply(x, weight, bias, bits, gradients, [out])
        return out, how


def highest_share(shape: Sequence[int]) -> float:
    """Return the largest nonzero share of the input for which sums are taken.

    Measured against torch's convolution, output and gradient of the weights together, sums gain up to a share of 0.4
    in windows of several values if the output has 32 channels or more, and up to 0.3 with fewer. Windows of one value
    gain less. The bound is below that, as torch's convolution comes closer to its peak speed on some processors.

    Args:
        shape: Shape of the weights, ``[out, channels, rows, columns]``.
    """
    out, channels, rows, columns = shape
    if rows * columns == 1:
        return 0.1
    return 0.35 if out >= 32 and channels >= 8 else 0.25


def _outputs(x: Tensor, weight: Tensor, moves: Moves) -> tuple[int, int] | None:
    """Return the height and width of the output; None if there is none."""
    rows, columns = (
        size + 2 * margin - kernel + 1
        for size, margin, kernel in zip(x.shape[2:], moves.padding, weight.shape[2:], strict=True)
    )
    return (rows, columns) if min(rows, columns, *x.shape[1:], *weight.shape) > 0 else None


def _sums(
    x: Tensor, weight: Tensor, bias: Tensor | None, moves: Moves
) -> tuple[Tensor | None, Tensor | None, Tensor | None, str]:
    """Return the output, and the bits and values of x, if sums are taken; and a note on how, or why not."""
    rows = _rows(x)
    highest = highest_share(weight.shape)
    bits, active, binary = torch.ops.snn_cpu.pack_active(rows, int(highest * x.numel()))
    if active < 0:
        return None, None, None, f"dense convolution, as more than {100 * highest:.0f} % of its input is nonzero"
    values = None if binary else rows
    plain = weight.contiguous(), None if bias is None else bias.contiguous()
    out, finite = torch.ops.snn_cpu.sparse_convolution(bits, values, active, *plain, x.shape[2:], moves.padding)
    if not finite:
        return None, None, None, "dense convolution, as a weight is not finite"
    what = "spikes" if binary else "nonzero values"
    how = f"{what} at {100 * active / x.numel():.1f} %: sums over them"
    return unviewed(out.permute(0, 3, 1, 2)), bits, values, how


def _rows(images: Tensor) -> Tensor:
    """Return images as ``[images x height, width x channels]``."""
    return images.permute(0, 2, 3, 1).contiguous().flatten(2).flatten(0, 1)


class _Conv2d(Computed):
    """The gradient of a convolution."""


def _by_torch(
    g: Tensor, x: Tensor, weight: Tensor, padding: tuple[int, int], needs: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    how = [weight.shape[0]], (1, 1), padding, (1, 1), False, (0, 0), 1
    computed = torch.ops.aten.convolution_backward(g, x, weight, *how, needs)
    return tuple(t if needed else None for t, needed in zip(computed, needs, strict=True))


def _by_kernels(
    spikes: bool,
    padding: tuple[int, int],
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    bits: Tensor | None,
    needs: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    of_x = _of_input(g, x, weight, padding) if needs[0] else None
    if not needs[1]:
        return of_x, None, g.sum((0, 2, 3)) if needs[2] else None
    if bits is not None:
        images = g.permute(0, 2, 3, 1).contiguous()
        sizes = x.shape[1], x.shape[2:], weight.shape[2:], padding
        values = None if spikes else _rows(x)
        of_weight, of_bias, finite = torch.ops.snn_cpu.sparse_convolution_gradient(bits, values, images, *sizes)
        if finite:
            return of_x, of_weight, of_bias if needs[2] else None
        x = _unpacked(x, bits) if spikes else x
    return of_x, *_by_torch(g, x, weight, padding, (False, *needs[1:]))[1:]


def _of_input(g: Tensor, x: Tensor, weight: Tensor, padding: tuple[int, int]) -> Tensor | None:
    """Return the gradient of the input, which is the gradient of the output convolved with the flipped kernel."""
    margin = tuple(kernel - 1 - m for kernel, m in zip(weight.shape[2:], padding, strict=True))
    if weight.shape[2:].numel() > 1 and min(margin) >= 0:
        rows = _rows(g)
        bits, active, _ = torch.ops.snn_cpu.pack_active(rows, int(_HIGHEST_GRADIENT * g.numel()))
        if active >= 0:
            turned = weight.flip(2, 3).transpose(0, 1).contiguous()
            out, finite = torch.ops.snn_cpu.sparse_convolution(bits, rows, active, turned, None, g.shape[2:], margin)
            if finite:
                return unviewed(out.permute(0, 3, 1, 2))
    # torch reads only the shape and layout of the input
    shape = torch.ops.snn_cpu.pooled_empty([x.shape[0], *x.shape[2:], x.shape[1]], g).permute(0, 3, 1, 2)
    return _by_torch(g, shape, weight, padding, (True, False, False))[0]


def _unpacked(like: Tensor, bits: Tensor) -> Tensor:
    images, channels, height, width = like.shape
    return (
        torch.ops.snn_cpu.unpack_spikes(bits, width * channels, like)
        .view(images, height, width, channels)
        .permute(0, 3, 1, 2)
    )
