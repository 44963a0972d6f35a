"""Segments of a sequence put together in memory that is allocated before they are computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from snn_core.engines.fused import fits, unviewed


def concatenated(parts: Iterable[Any], steps: int) -> Any:
    """Concatenate the outputs of a net, segment after segment, without holding all segments.

    Args:
        parts: Tensors, or tuples, lists or dicts of them, ``[some steps, ...]``.
        steps: The total number of steps.

    Returns:
        The same structure with all steps, ``[T, ...]``.
    """
    columns: list[_Column] = []
    spec: Any = None
    for part in parts:
        flat, spec = tree_flatten(part)
        columns = columns or [_Column(first, steps) for first in flat]
        for column, tensor in zip(columns, flat, strict=True):
            column.add(tensor)
    return tree_unflatten([column.whole() for column in columns], spec)


class _Column:
    """One output over all segments."""

    def __init__(self, first: Tensor, steps: int) -> None:
        alone = len(first) == steps
        self._memory = None if alone or not _is_plain(first) else first.new_empty((steps, *first.shape[1:]))
        self._parts: list[Tensor] = []
        self._filled = 0

    def add(self, part: Tensor) -> None:
        if self._memory is not None:
            place = self._memory.narrow(0, self._filled, len(part))
            if _is_plain(part) and (part.shape, part.dtype, part.device) == (place.shape, place.dtype, place.device):
                self._filled += len(part)
                part = _Placed.apply(part, place)
            else:
                self._memory = None
        self._parts.append(part)

    def whole(self) -> Tensor:
        if self._memory is not None:
            return _Concatenated.apply([self._memory], *self._parts)
        return self._parts[0] if len(self._parts) == 1 else torch.cat(self._parts)


def _is_plain(tensor: Tensor) -> bool:
    return not torch.compiler.is_compiling() and fits(tensor) and tensor.layout == torch.strided


class _Placed(torch.autograd.Function):
    """A copy of a segment at its place. To autograd it is a tensor of its own, not a view of the memory."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, place: Tensor) -> Tensor:
        ctx.set_materialize_grads(False)
        place.copy_(part)
        return unviewed(place)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, None]:
        return grads[0], None


class _Concatenated(torch.autograd.Function):
    """The memory with all segments. It comes in a list, as autograd would otherwise take the result for an input."""

    @staticmethod
    def forward(ctx: Any, memory: list[Tensor], *parts: Tensor) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.steps = [len(part) for part in parts]
        return memory.pop()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        return None, *([None] * len(ctx.steps) if grads[0] is None else grads[0].split(ctx.steps))
