"""Linear layers over many rows: sums over set bits if the input is spikes, in reused memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isfinite
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from snn_core.engines import window_bits
from snn_cpu.dense import by_onednn, product, product_over_rows
from snn_cpu.gradients import Computed, Gradients

__all__ = ["SpikeAware", "highest_rate", "linear_of_spikes"]

_SMALLEST = 10_000_000  # multiplications; with fewer, examining the input costs more than it gains
_SMALLEST_OF_FEW = 2_000_000  # the same for up to `_FEW` columns
_POOLED = 2**20  # bytes above which new memory costs one page fault after another
_KEPT = 2**20  # size of the smallest input whose bits are kept for the backward pass even if the product is dense
_FEW = 16  # the most columns of which the library sums groups of rows, so that no rate costs more than another
_FIRST = 16  # rows that show whether the input has one number besides zero
_MOST = 0.5  # the largest share of ones for which the gradient of the weights of more columns is sums over set bits


def highest_rate(rows: int, columns: int) -> float:
    """Return the highest rate at which sums over set bits are taken, for a product of some rows and columns.

    The sums of up to 16 columns take the same time at any rate, and gain with 4 or more. Wider ones gain in proportion
    to the unset bits, with up to half of the bits set. In products of few rows, the transposition of the weights takes
    longer than they save. The bound is below the measured value, as torch's product comes closer to its peak speed on
    some processors.

    Args:
        rows: Number of rows, which is time steps times batch.
        columns: Number of outputs.

    Returns:
        Share of ones in the input, 0 to 1; 0 where sums never gain.
    """
    most = float(columns > 3) if columns <= _FEW else 0.35 * (1 - 3 / columns)
    return most * max(1 - 256 / rows, 0)


def highest_share(rows: int, columns: int) -> float:
    """Return the highest share of places at which the gradient of the input is computed place by place.

    It takes as long as a dense product at shares of 0.3 to 0.4 for wide layers and at lower ones for narrow layers,
    whose sums have few terms. The transposition of the weights needs some hundred rows to pay.

    Args:
        rows: Number of rows, which is time steps times batch.
        columns: Number of outputs.

    Returns:
        Share, 0 to 1; 0 where it never gains.
    """
    return 0.36 * max(1 - 30 / columns, 0) * max(1 - 64 / rows, 0)


class SpikeAware:
    """An implementation of ``torch.nn.functional.linear`` that examines its input.

    Input of only zeros and ones is packed into bits, which suffice for the backward pass, even if the product itself is
    dense. So is input of zeros and one other number, as dropout makes it of spikes. Infinite weights or gradients make
    it dense again, as a product spreads them to places where no bit is set.
    """

    name = "snn-cpu"
    device = "cpu"
    gains = "sums over set bits where fed by spikes"

    def refuses(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> str | None:
        """Return None to take the call, else the reason for refusing it."""
        if x.dtype not in (torch.float32, torch.float64):
            return f"{str(x.dtype).removeprefix('torch.')} input; it takes float32 and float64"
        if any(t is not None and t.dtype != x.dtype for t in (weight, bias)):
            return "weight and bias do not have the dtype of the input"
        if x.dim() < 2 or weight.dim() != 2 or x.shape[-1] != weight.shape[1]:
            return "its input does not have as many features as the weight"
        if x.numel() * weight.shape[0] < (_SMALLEST_OF_FEW if weight.shape[0] <= _FEW else _SMALLEST):
            return "too little work for a gain"
        return None

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, str]:
        """Return ``linear(x, weight, bias)``, differentiable by autograd, and how it was computed."""
        rows = x.flatten(0, -2) if x.dim() > 2 else x
        plain = rows.detach(), weight.detach(), None if bias is None else bias.detach()
        window, share = _window(rows, weight.shape[0])
        learns = torch.is_grad_enabled() and weight.requires_grad
        out, spikes, how = _sums(*plain, keep=learns and x.numel() >= _KEPT)
        if out is None:
            few = rows.shape[0] * weight.shape[0] * x.element_size() < _POOLED
            if spikes is None and window is None and few and not by_onednn(x.dtype):
                return F.linear(x, weight, bias), how + share
            out = product(*plain)
        out = _differentiable(rows, weight, bias, spikes, out, window)
        return out.unflatten(0, x.shape[:-1]) if x.dim() > 2 else out, how + share


def linear_of_spikes(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor | None, str]:
    """Return ``linear(x[rows, features], weight, bias)`` if it is computed by sums over set bits; and a note on how."""
    plain = x.detach(), weight.detach(), None if bias is None else bias.detach()
    out, spikes, how = _sums(*plain, keep=False)
    return None if out is None else _differentiable(x, weight, bias, spikes, out), how


class _Spikes(NamedTuple):
    """Input of zeros and one other number: where this is, as bits, how often, and the number."""

    bits: Tensor
    ones: int
    unit: float


def _sums(x: Tensor, weight: Tensor, bias: Tensor | None, keep: bool) -> tuple[Tensor | None, _Spikes | None, str]:
    """Return the output if sums over set bits are taken, the input as bits, and a note on how, or why not.

    With ``keep``, the bits are returned even if sums are not taken.
    """
    highest, dense = highest_rate(x.shape[0], weight.shape[0]), "dense product" + " by oneDNN" * by_onednn(x.dtype)
    small = f"{dense}, as it has few rows or columns or another order in memory"
    if x.stride(1) != 1 or not (highest or keep):
        return None, None, small
    most = int(highest * x.numel())
    spikes = _packed(x, x.numel() if keep else most)
    if not highest:
        return None, spikes, small
    if spikes is None or spikes.ones > most:
        return None, spikes, f"{dense}, as its input is not spikes at a rate of up to {100 * highest:.0f} %"
    out, finite = torch.ops.snn_cpu.spike_product(
        spikes.bits, _scaled(weight, spikes.unit).contiguous(), None if bias is None else bias.contiguous()
    )
    if not finite:
        return None, spikes, f"{dense}, as a weight is not finite"
    return out, spikes, f"spikes at {100 * spikes.ones / x.numel():.1f} %: sums over set bits"


def _packed(x: Tensor, most: int) -> _Spikes | None:
    """Return input of zeros and ones, or of zeros and another number as behind dropout, as bits; None for other input.

    With more than ``most`` ones, None is returned, too.
    """
    bits, ones, _ = torch.ops.snn_cpu.pack(x, most, True)
    if ones >= 0:
        return _Spikes(bits, ones, 1.0)
    first = x[:_FIRST]
    unit = first.max().item()
    if unit in (0.0, 1.0) or not isfinite(unit) or not ((first == 0) | (first == unit)).all():
        return None
    bits, ones, _ = torch.ops.snn_cpu.pack(x / unit, most, True)
    return None if ones < 0 else _Spikes(bits, ones, unit)


def _window(x: Tensor, columns: int) -> tuple[Tensor | None, str]:
    """Return the bits of the places at which the gradient of the input is used, if they are few, and a note on them."""
    bits = window_bits(x) if torch.is_grad_enabled() and x.requires_grad else None
    highest = highest_share(x.shape[0], columns)
    if bits is None or not highest:
        return None, ""
    share = torch.ops.snn_cpu.set_bits(bits) / x.numel()
    if share > highest:
        return None, f"; dense gradient of its input, of which {100 * share:.0f} % is used"
    return bits, f"; gradient of its input at the {100 * share:.1f} % of places where it is used"


def _scaled(tensor: Tensor, unit: float) -> Tensor:
    return tensor if unit == 1 else tensor * unit


def _differentiable(
    x: Tensor, weight: Tensor, bias: Tensor | None, spikes: _Spikes | None, out: Tensor, window: Tensor | None = None
) -> Tensor:
    """Return the output with a gradient, by the bits of the input and of its window if there are any."""
    if not (torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias))):
        return out
    bits, ones, unit = (None, 0, 1.0) if spikes is None else spikes
    by_kernels = partial(_by_kernels, weight.shape[0] <= _FEW or ones <= _MOST * x.numel(), unit, window)
    gradients = Gradients(_by_torch, by_kernels, bits is None, None if bits is None else partial(_unpacked, unit))
    return _Linear.apply(x, weight, bias, bits, gradients, [out])[0]


class _Linear(Computed):
    """The gradient of a linear layer."""


def _by_torch(g: Tensor, x: Tensor, weight: Tensor, bits: Any, needs: Sequence[bool]) -> tuple[Tensor | None, ...]:
    return g @ weight if needs[0] else None, g.t() @ x if needs[1] else None, g.sum(0) if needs[2] else None


def _by_kernels(
    sums: bool,
    unit: float,
    window: Tensor | None,
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    bits: Tensor | None,
    needs: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    g = g.contiguous()
    of_weight, of_bias = _of_parameters(g, x, bits, sums, unit) if needs[1] else (None, g.sum(0) if needs[2] else None)
    return _of_input(g, weight, window) if needs[0] else None, of_weight, of_bias if needs[2] else None


def _of_input(g: Tensor, weight: Tensor, window: Tensor | None) -> Tensor:
    if window is not None:
        of_x, finite = torch.ops.snn_cpu.product_inside(g, weight.contiguous(), window)
        if finite:
            return of_x
    return product(g, weight.t())


def _of_parameters(g: Tensor, x: Tensor, bits: Tensor | None, sums: bool, unit: float) -> tuple[Tensor, Tensor]:
    """Return the gradients of weight and bias; the memory of unpacked spikes is freed when it returns."""
    if bits is not None:
        if sums:
            of_weight, of_bias, finite = torch.ops.snn_cpu.spike_product_gradient(bits, g, x.shape[1])
            if finite:
                return _scaled(of_weight, unit), of_bias
        x = _unpacked(unit, x, bits)
    return product_over_rows(g, x), g.sum(0)


def _unpacked(unit: float, like: Tensor, bits: Tensor) -> Tensor:
    return _scaled(torch.ops.snn_cpu.unpack_spikes(bits, like.shape[1], like), unit)
