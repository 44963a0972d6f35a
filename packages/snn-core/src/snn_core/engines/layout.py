"""The memory layout of the tensors of a sequence: the rows and columns that engines see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Summed = Callable[[Tensor, Sequence[int], Sequence[int]], Tensor]


@dataclass(frozen=True)
class Layout:
    """One step's axes in the order in which they lie in memory.

    Engines read ``[T, columns]``, each step dense. It does not matter to them which neuron is which column, as long as
    all tensors agree. So a sequence of channels-last images is taken without a copy.

    Args:
        shape: Shape of one step.
        order: Its axes, slowest first; None if they are already in order.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...] | None = None

    @classmethod
    def of(cls, x: Tensor) -> Layout:
        """Return the layout of a sequence ``x[T, ...]``: one in which its steps are dense, if there is one."""
        shape, strides = tuple(x.shape[1:]), x.stride()[1:]
        if x.is_contiguous() or x[0].is_contiguous():
            return cls(shape)
        order = tuple(sorted(range(len(shape)), key=lambda axis: -strides[axis]))
        dense = x[0].permute(order).is_contiguous()
        return cls(shape, order if dense else None)

    @staticmethod
    def laid_out(x: Tensor, strides: tuple[int, ...]) -> Tensor:
        """Return a sequence whose steps lie in memory as those with other strides do; one step may stand for all."""
        kept = x.detach() if strides[0] else x.detach()[:1]
        layout = Layout.of(torch.empty_strided(kept.shape, strides, device="meta"))
        return layout.sequence_back(layout.sequence(kept).clone(memory_format=torch.contiguous_format)).expand(x.shape)

    def sequence(self, x: Tensor) -> Tensor:
        """Return ``x[T, ...]`` as ``[T, columns]``, dense in each step; a view if that is possible."""
        if self.order is not None:
            x = x.permute(0, *(1 + axis for axis in self.order))
        if not x.is_contiguous() and x.shape[0] and not x[0].is_contiguous():
            # one step stands for all, as in the gradient of a sum over time
            x = x[:1].contiguous().expand_as(x) if x.stride(0) == 0 else x.contiguous()
        return x.flatten(1) if x.dim() > 1 else x.unsqueeze(1)

    def step(self, state: Tensor) -> Tensor:
        """Return one step's tensor, broadcast to the step's shape, as ``[columns]``."""
        if state.shape != self.shape:
            state = state.expand(self.shape)
        columns = (state if self.order is None else state.permute(self.order)).reshape(-1)
        return columns.contiguous()  # a single number expanded to all columns is still a view

    def columns(self, coefficients: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
        """Return each coefficient in a dtype, as one value without axes, or one for each column."""
        converted = [c if c.dtype == dtype else c.to(dtype) for c in coefficients]
        return [c if c.dim() == 0 else c.reshape(()) if c.numel() == 1 else self.step(c) for c in converted]

    def sequence_back(self, columns: Tensor) -> Tensor:
        """Return ``[T, columns]`` as ``[T, ...]``; there must be no other reference to it."""
        steps = columns.shape[0]
        if self.order is None:
            return columns.resize_(steps, *self.shape)  # not a view, which autograd would treat differently
        stored = columns.view(steps, *(self.shape[axis] for axis in self.order))
        return stored.permute(0, *(1 + axis for axis in _inverse(self.order)))

    def step_back(self, columns: Tensor) -> Tensor:
        """Return ``[columns]``, or one row of them, as one step's tensor; there must be no other reference to it."""
        if self.order is None:
            return columns.resize_(self.shape)
        return self.sequence_back(columns.view(1, -1))[0]

    def sum_to(self, columns: Tensor, shape: Sequence[int], summed: Summed | None = None) -> Tensor:
        """Return the sum of ``[columns]`` over the axes along which a shape was broadcast.

        Args:
            columns: One number per column.
            shape: The shape.
            summed: Function that sums a flat tensor of given sizes to other sizes, each the same or 1; torch's if None.
        """
        order = range(len(self.shape)) if self.order is None else self.order
        padded = (1,) * (len(self.shape) - len(shape)) + tuple(shape)
        sizes, stored = [self.shape[axis] for axis in order], [padded[axis] for axis in order]
        total = (summed or _by_torch)(columns, sizes, stored)
        return total.view(stored).permute(_inverse(order)).reshape(tuple(shape))


def _by_torch(columns: Tensor, sizes: Sequence[int], stored: Sequence[int]) -> Tensor:
    return columns.view(*sizes).sum_to_size(*stored)


def _inverse(order: Sequence[int]) -> list[int]:
    return sorted(range(len(order)), key=lambda axis: order[axis])
