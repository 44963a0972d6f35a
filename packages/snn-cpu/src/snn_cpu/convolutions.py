"""Convolutions of spikes, and of other images that are mostly zero: sums over nonzero values instead of products."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from snn_core.engines import Moves, unviewed
from snn_cpu.gradients import Computed, Gradients
from snn_cpu.products import highest_rate, linear_of_spikes

__all__ = ["SpikeAwareConvolution", "highest_share"]

_SMALLEST = 2**24  # multiplications; with fewer, examining the input costs part of the gain
_FEWEST = 32  # multiplications for each value of the input, if windows do not lie side by side
_LARGEST = 2**27  # values of an image, or weights, which are counted in 32 bits
_HIGHEST_GRADIENT = 0.25  # the largest share of nonzero gradients for which sums are taken


class SpikeAwareConvolution:
    """An implementation of ``torch.nn.functional.conv2d`` that examines its input.

    If little of the input is nonzero, the output and the gradient of the weights are sums over the nonzero values.
    Spikes are packed into bits, which suffice for the backward pass. The gradient of the input consists of such sums if
    little of the output's gradient is nonzero, as after a maximum over windows. A kernel of one value is a linear layer
    at each position, which is faster for spikes. Torch computes the rest. Infinite values and NaN make the convolution
    dense again, as a product spreads them to places where the other factor is zero.
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
        if moves.dilation != (1, 1):
            return "dilation {} x {}; it takes 1 x 1".format(*moves.dilation)
        if moves.groups != 1:
            return f"{moves.groups} groups of channels; it takes one"
        outputs = _outputs(x, weight, moves) if x.dim() == 4 and weight.dim() == 4 else None
        if outputs is None or x.shape[1] != weight.shape[1] or (bias is not None and bias.shape != weight.shape[:1]):
            return "not images into which the kernel fits"
        rows, columns = moves.stride
        if (rows > weight.shape[2] or columns > weight.shape[3]) and not _of_positions(weight, moves):
            return f"stride {rows} x {columns}; it takes strides of up to the size of the kernel"
        area, kernel = rows * columns, weight[:, 0].numel()
        if x.numel() * kernel < _SMALLEST * area or (area > 1 and kernel < _FEWEST * area):
            return "too little work for a gain"
        row, most = (outputs[1] + 2 * weight.shape[3]) * weight.shape[0], 256 * weight[0, ..., 0].numel()
        if max(x[0].numel() * area, outputs[0] * row, weight.numel(), most * columns) > _LARGEST:
            return "the images or the kernel are too large"
        return None

    def conv2d(self, x: Tensor, weight: Tensor, bias: Tensor | None, moves: Moves) -> tuple[Tensor, str]:
        """Return ``conv2d(x, weight, bias, moves.stride, moves.padding)`` and how it was computed.

        The output is differentiable by autograd, and in channels-last layout if sums are taken; images in that layout
        are not copied.
        """
        met, over = x, moves
        if _of_positions(weight, moves):
            # pooling over single values picks those that the windows meet
            met, over = x if moves.stride == (1, 1) else F.avg_pool2d(x, 1, moves.stride), Moves()
            rows = met.permute(0, 2, 3, 1)
            out, how = linear_of_spikes(rows.flatten(0, 2), weight.flatten(1), bias)
            if out is not None:
                out = out.unflatten(0, rows.shape[:3]).permute(0, 3, 1, 2)
                return out if out.requires_grad else unviewed(out), how
        plain = met.detach(), weight.detach(), None if bias is None else bias.detach()
        out, bits, values, how = _sums(*plain, over)
        if out is None:
            if not (torch.is_grad_enabled() and x.requires_grad and _margin_of_gradient(weight, moves) is not None):
                return F.conv2d(x, weight, bias, *moves[:2]), how
            out = F.conv2d(*plain, *moves[:2])
        if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias)):
            spikes = bits is not None and values is None
            gradients = Gradients(
                lambda g, x, weight, _, needs: _by_torch(g, x, weight, over, needs),
                partial(_by_kernels, spikes, over),
                keeps_x=not spikes,
                unpack=_unpacked if spikes else None,
            )
            out, _ = _Conv2d.apply(met, weight, bias, bits, gradients, [out])
        return out, how


def highest_share(shape: Sequence[int], moves: Moves) -> float:
    """Return the largest nonzero share of the input for which sums are taken.

    Measured against torch's convolution, output and gradient of the weights together, sums gain up to a share of 0.4
    in windows of several values if the output has 32 channels or more, and up to 0.3 with fewer. Windows of one value
    gain less, and so do windows that do not lie side by side. The bound is below that, as torch's convolution comes
    closer to its peak speed on some processors.

    Args:
        shape: Shape of the weights, ``[out, channels, rows, columns]``.
        moves: How the windows move.
    """
    out, channels, rows, columns = shape
    if rows * columns == 1:
        return 0.1
    many, few = (0.35, 0.25) if moves.stride == (1, 1) else (0.3, 0.15)
    return many if out >= 32 and channels >= 8 else few


def _outputs(x: Tensor, weight: Tensor, moves: Moves) -> tuple[int, int] | None:
    """Return the height and width of the output; None if there is none."""
    if min(moves.stride) < 1:
        return None
    rows, columns = (
        (size + 2 * margin - kernel) // step + 1
        for size, kernel, step, margin in zip(x.shape[2:], weight.shape[2:], *moves[:2], strict=True)
    )
    return (rows, columns) if min(rows, columns, *x.shape[1:], *weight.shape) > 0 else None


def _of_positions(weight: Tensor, moves: Moves) -> bool:
    """Return True if the convolution is a linear layer over positions of the images."""
    return weight.shape[2:] == (1, 1) and moves.padding == (0, 0)


def _sums(
    x: Tensor, weight: Tensor, bias: Tensor | None, moves: Moves
) -> tuple[Tensor | None, Tensor | None, Tensor | None, str]:
    """Return the output, and the bits and values of x, if sums are taken; and a note on how, or why not."""
    rows = _rows(x)
    highest = highest_share(weight.shape, moves)
    bits, active, binary = torch.ops.snn_cpu.pack(rows, int(highest * x.numel()), False)
    if active < 0:
        how = f"dense convolution, as more than {100 * highest:.0f} % of its input is nonzero"
        if _of_positions(weight, moves):
            rate = highest_rate(x.numel() // x.shape[1], weight.shape[0])
            how += f", and not as spikes at a rate of up to {100 * rate:.0f} %"
        return None, None, None, how
    values = None if binary else rows
    plain = weight.contiguous(), None if bias is None else bias.contiguous()
    out, finite = torch.ops.snn_cpu.sparse_convolution(bits, values, active, *plain, x.shape[2:], *moves[:2])
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


def _by_torch(g: Tensor, x: Tensor, weight: Tensor, moves: Moves, needs: Sequence[bool]) -> tuple[Tensor | None, ...]:
    how = [weight.shape[0]], *moves[:2], (1, 1), False, (0, 0), 1
    computed = torch.ops.aten.convolution_backward(g, x, weight, *how, needs)
    return tuple(t if needed else None for t, needed in zip(computed, needs, strict=True))


def _by_kernels(
    spikes: bool,
    moves: Moves,
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    bits: Tensor | None,
    needs: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    of_x = _of_input(g, x, weight, moves) if needs[0] else None
    if not needs[1]:
        return of_x, None, g.sum((0, 2, 3)) if needs[2] else None
    if bits is not None:
        images = g.permute(0, 2, 3, 1).contiguous()
        sizes = x.shape[1], x.shape[2:], weight.shape[2:], *moves[:2]
        values = None if spikes else _rows(x)
        of_weight, of_bias, finite = torch.ops.snn_cpu.sparse_convolution_gradient(bits, values, images, *sizes)
        if finite:
            return of_x, of_weight, of_bias if needs[2] else None
        x = _unpacked(x, bits) if spikes else x
    return of_x, *_by_torch(g, x, weight, moves, (False, *needs[1:]))[1:]


def _of_input(g: Tensor, x: Tensor, weight: Tensor, moves: Moves) -> Tensor | None:
    """Return the gradient of the input, by sums if it is a convolution of a gradient that is mostly zero."""
    margin = _margin_of_gradient(weight, moves)
    if margin is not None:
        rows = _rows(g)
        bits, active, _ = torch.ops.snn_cpu.pack(rows, int(_HIGHEST_GRADIENT * g.numel()), False)
        if active >= 0:
            turned = weight.flip(2, 3).transpose(0, 1).contiguous()
            sizes = g.shape[2:], moves.stride, margin
            out, finite = torch.ops.snn_cpu.sparse_convolution(bits, rows, active, turned, None, *sizes)
            if finite:
                return unviewed(out.permute(0, 3, 1, 2))
    # torch reads only the shape and layout of the input
    shape = torch.ops.snn_cpu.pooled_empty([x.shape[0], *x.shape[2:], x.shape[1]], g).permute(0, 3, 1, 2)
    return _by_torch(g, shape, weight, moves, (True, False, False))[0]


def _margin_of_gradient(weight: Tensor, moves: Moves) -> tuple[int, ...] | None:
    """Return the padding with which the input's gradient is the output's, convolved with the flipped kernel.

    None if windows have one value, or do not lie side by side.
    """
    margin = tuple(kernel - 1 - m for kernel, m in zip(weight.shape[2:], moves.padding, strict=True))
    return margin if moves.stride == (1, 1) and weight.shape[2:].numel() > 1 and min(margin) >= 0 else None


def _unpacked(like: Tensor, bits: Tensor) -> Tensor:
    images, channels, height, width = like.shape
    return (
        torch.ops.snn_cpu.unpack_spikes(bits, width * channels, like)
        .view(images, height, width, channels)
        .permute(0, 3, 1, 2)
    )
