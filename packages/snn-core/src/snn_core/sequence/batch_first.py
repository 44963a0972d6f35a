"""A run over sequences whose first axis is the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_map


def with_batch_first(run: Callable[[Tensor], Any], xs: Tensor) -> Any:
    """Run ``[T, batch, ...]`` for an input ``[batch, T, ...]``, and return its tensors as ``[batch, T, ...]``."""
    try:
        result = run(xs.transpose(0, 1))
    except (TypeError, ValueError, RuntimeError) as error:
        error.add_note("batch_first=True: in this message xs is [T, batch, ...], after its first two axes were swapped")
        raise
    return tree_map(_swapped, result)


def must_have_batch_first(xs: Any, batch_first: Any) -> None:
    """Raise unless ``batch_first`` is True and ``xs`` is a tensor ``[batch, T, ...]`` with a time step."""
    if batch_first is not True:
        raise TypeError(
            "unroll: batch_first must be True for xs[batch, T, ...] or False for xs[T, batch, ...], got "
            f"{batch_first!r}"
        )
    if not isinstance(xs, Tensor):
        raise TypeError(
            f"unroll: with batch_first=True, xs must be a tensor [batch, T, ...], got {type(xs).__name__}; "
            "torch.stack(list) or torch.as_tensor(array) makes one"
        )
    if xs.dim() < 2 or xs.shape[1] == 0:
        remedy = "for one sample x[T, ...], pass x.unsqueeze(0)" if xs.dim() == 1 else "pass at least one step"
        raise ValueError(
            "unroll: with batch_first=True, xs must be [batch, T, ...] with T >= 1 steps, got shape "
            f"{tuple(xs.shape)}; {remedy}"
        )


def _swapped(out: Any) -> Any:
    return out.transpose(0, 1) if isinstance(out, Tensor) and out.dim() > 1 else out
