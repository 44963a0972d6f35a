"""Products of dense matrices, by whichever of torch's libraries is faster on the processor."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from snn_cpu import library

__all__ = ["by_onednn", "product", "product_over_rows"]

_BLOCK = 2**22  # bytes that oneDNN writes or rearranges at a time, so that they stay in the cache


def by_onednn(dtype: torch.dtype) -> bool:
    """Return True if oneDNN computes products instead of the BLAS that torch uses.

    Both are part of torch. Its BLAS is MKL, which leaves the AVX-512 units of processors idle unless Intel made them;
    oneDNN uses them for float32, and takes half the time.
    """
    return dtype == torch.float32 and _is_faster() and bool(torch.backends.mkldnn.enabled)


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``a @ b.t() + bias`` of ``a[rows, features]`` and ``b[columns, features]``, outside autograd.

    The memory of the result comes from a pool and is reused.
    """
    out = torch.ops.snn_cpu.pooled_empty([a.shape[0], b.shape[0]], a)
    if not by_onednn(a.dtype) or 0 in (*a.shape, *b.shape):
        return torch.mm(a, b.t(), out=out) if bias is None else torch.addmm(bias, a, b.t(), out=out)
    rows = _rows_of(b.shape[0])
    for part, into in zip(a.split(rows), out.split(rows), strict=True):
        into.copy_(torch.ops.mkldnn._linear_pointwise(part, b, bias, "none", [], ""))
    return out


def product_over_rows(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a.t() @ b`` of ``a[rows, columns]`` and ``b[rows, features]``, outside autograd.

    It is meant for many rows, as in the gradient of a weight.
    """
    if not by_onednn(a.dtype) or 0 in (*a.shape, *b.shape):
        return torch.mm(a.t(), b)
    rows = _rows_of(max(a.shape[1], b.shape[1]))
    parts = zip(a.split(rows), b.split(rows), strict=True)
    sums = (torch.ops.mkldnn._linear_pointwise(p.t(), q.t(), None, "none", [], "") for p, q in parts)
    return functools.reduce(Tensor.add_, sums)


def _rows_of(columns: int) -> int:
    return max(_BLOCK // (4 * columns), 1)


@functools.cache
def _is_faster() -> bool:
    return (
        library.load()[0]
        and torch.backends.mkl.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # the place where torch's own compiler finds it
        and torch.ops.snn_cpu.instruction_set() == "x86-64-v4"
        and not torch.ops.snn_cpu.is_intel()
    )
