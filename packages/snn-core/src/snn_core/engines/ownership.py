"""Gradients that nothing else holds, so that a kernel may write another gradient into their memory."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def is_owned(grads: Sequence[Any]) -> bool:
    """Return True if nothing but the backward pass that received gradients can read the first one afterward.

    A tensor is shared if anything else refers to it: a Python variable or hook, the gradient of another tensor, another
    view of its memory. PyTorch itself makes this check before it takes over a gradient instead of copying it.

    Args:
        grads: The gradients that ``backward`` of an autograd function received, exactly as it received them.
    """
    if _is_observed() or not _has_memory(grads[0]):
        return False
    counts = _references(grads)
    return counts is not None and counts in _unshared(counts[0])


def _is_observed() -> bool:
    """Return True if a profiler, debugger or the like follows Python's calls, and so holds references too."""
    if sys.getprofile() is not None or sys.gettrace() is not None:
        return True
    monitoring = getattr(sys, "monitoring", None)  # from Python 3.12 on
    return monitoring is not None and any(monitoring.get_tool(tool) is not None for tool in range(6))


def _has_memory(grad: Any) -> bool:
    if type(grad) is not Tensor or grad.layout != torch.strided or grad.is_neg():
        return False
    try:
        grad.untyped_storage()
    except NotImplementedError:  # it is inside a transform, or one of a batch of gradients
        return False
    return True


def _references(grads: Sequence[Any]) -> tuple[int, ...] | None:
    """Count the references to a gradient, to its memory, and to the tensor of which it is a view.

    The first number is the count for an object that calls have passed on; torch's compiler and other threads' profilers
    may add to it.
    """
    grad, storage = grads[0], grads[0].untyped_storage()
    memory = torch._C._storage_Use_Count(storage._cdata), sys.getrefcount(storage)
    counts = _passed_on(None, *_KNOWN), sys.getrefcount(grad), grad._use_count(), *memory
    base = grad._base
    if base is None:
        return counts
    return (*counts, sys.getrefcount(base), base._use_count()) if base.numel() == grad.numel() else None


_KNOWN = (object(),)


def _passed_on(first: object, *args: object) -> int:
    return _passed(first, *args)  # as torch calls the backward pass of a function


def _passed(_: object, *args: object) -> int:
    return sys.getrefcount(args[0])


_UNSHARED: dict[int, frozenset[tuple[int, ...]]] = {}  # by the count of an object that calls have passed on


def _unshared(passed_on: int) -> frozenset[tuple[int, ...]]:
    """Return the counts of gradients that nothing else refers to, which depend on the versions of Python and torch.

    They are taken in a separate thread, where no mode or compiler of the caller is active. They are taken again where
    calls add a different number, as after a failed compilation or while another thread has a profiler.
    """
    if passed_on not in _UNSHARED:
        counts: list[Any] = []
        thread = threading.Thread(target=_count, args=(counts,))
        thread.start()
        thread.join()
        *unshared, of_shared, _ = counts  # of two nodes that got the same gradient, the first must see another count
        _UNSHARED[counts[0][0]] = frozenset(unshared) - {of_shared}
    return _UNSHARED.get(passed_on, frozenset())


def _count(counts: list[Any]) -> None:
    sys.setprofile(None)  # of this thread
    sys.settrace(None)

    class Counted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> None:
            counts.append(_references(grads))

    x = torch.ones(2, 1, device="cpu", requires_grad=True)
    (Counted.apply(x) * 2).sum().backward()
    (Counted.apply(x).flatten() * 2).sum().backward()
    (Counted.apply(x) + Counted.apply(x)).mul(2).sum().backward()
