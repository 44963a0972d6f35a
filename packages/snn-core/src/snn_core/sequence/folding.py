"""Time steps folded into the batch axis, and which samples of the batch still run in each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

__all__ = ["Folding"]


class Folding:
    """How the rows ``[rows, ...]`` that a layer sees are made of the steps of a sequence ``[T, batch, ...]``.

    They are step after step all samples, or with ``running`` those that run still: in every step the first so many in
    the given order. Once a sample has ended, there is no row of it and nothing is computed of it.

    Args:
        steps: Number of time steps.
        running: Number of samples that run in each step, which never grows; None where all run in every step.
        order: The samples by falling length, ``[batch]``, with ``running``.

    Example:
        >>> folding = Folding(3, running=(2, 2, 1), order=torch.tensor([1, 0]))
        >>> rows = folding.fold(torch.tensor([[1, 10], [2, 20], [3, 30]]))
        >>> rows
        tensor([10,  1, 20,  2, 30])
        >>> [x.tolist() for x in folding.stretches(rows)]
        [[[10, 1], [20, 2]], [[30]]]
        >>> folding.unfold(rows).tolist()
        [[1, 10], [2, 20], [0, 30]]
    """

    def __init__(self, steps: int, running: tuple[int, ...] | None = None, order: Tensor | None = None) -> None:
        self.steps = steps
        self.running = running
        self.order = order

    def part(self, start: int, steps: int) -> Folding:
        """That of so many steps from ``start`` on."""
        running = None if self.running is None else self.running[start : start + steps]
        return Folding(steps, running, self.order)

    def parts(self, segments: Iterable[Tensor]) -> Iterator[tuple[Tensor, Folding]]:
        """Segments ``[some steps, batch, ...]`` that follow each other, each with its own folding."""
        start = 0
        for segment in segments:
            yield segment, self.part(start, len(segment))
            start += len(segment)

    def checked(self, out: Any, rows: int) -> Tensor:
        """Return an output of a net for so many rows.

        Raises:
            TypeError: If it is not a tensor.
            ValueError: If it has not a row of each sample, where samples are of unequal length.
        """
        if not isinstance(out, Tensor):
            raise TypeError(
                f"unroll stacks the tensors that a net returns, got a {type(out).__name__} among its outputs"
            )
        if self.order is not None and out.shape[:1] != (rows,):
            raise ValueError(
                f"unroll: lengths takes a net that returns a row for each sample, but this one makes an output of "
                f"shape {tuple(out.shape)} of {rows} rows; reduce the batch after unroll"
            )
        return out

    def fold(self, xs: Tensor) -> Tensor:
        """The rows of ``[T, batch, ...]``."""
        rows = xs.flatten(0, 1)
        return rows if self.running is None else rows.index_select(0, self._index)

    def unfold(self, rows: Tensor) -> Tensor:
        """All steps ``[T, batch, ...]``, zero where a sample does not run."""
        if self.order is None:
            return rows.unflatten(0, (self.steps, rows.shape[0] // self.steps))
        whole = rows.new_zeros((self.steps * len(self.order), *rows.shape[1:]))
        return whole.index_copy_(0, self._index, rows).unflatten(0, (self.steps, len(self.order)))

    def each(self, rows: Tensor) -> tuple[Tensor, ...]:
        """The steps ``[samples, ...]`` of the rows, one by one."""
        return self.unfold(rows).unbind(0) if self.running is None else rows.split(self.running)

    def steps_of(self, xs: Tensor) -> tuple[Tensor, ...]:
        """The steps ``[samples, ...]`` of ``[T, batch, ...]``, one by one."""
        return xs.unbind(0) if self.running is None else self.each(self.fold(xs))

    def stacked(self, steps: Sequence[Tensor]) -> Tensor:
        """All steps ``[T, batch, ...]``, of such ones."""
        return torch.stack(list(steps)) if self.running is None else self.unfold(torch.cat(list(steps)))

    def stretches(self, rows: Tensor) -> list[Tensor]:
        """The stretches of steps in which the same samples run, ``[steps, samples, ...]`` each."""
        if self.running is None:
            return [self.unfold(rows)]
        shapes = [(len(list(steps)), samples) for samples, steps in groupby(self.running)]
        parts = rows.split([steps * samples for steps, samples in shapes])
        return [part.unflatten(0, shape) for part, shape in zip(parts, shapes, strict=True)]

    def joined(self, stretches: Sequence[Tensor]) -> Tensor:
        """The rows of such stretches."""
        parts = [part.flatten(0, 1) for part in stretches]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def at_end(self, states: Tensor, before: Tensor | None) -> Tensor:
        """Of states ``[T, batch, ...]`` those of each sample's last step; where it has none, those before, or zero."""
        assert self.order is not None
        lengths = self._runs.sum(0).to(self.order.device)[self.order.argsort()]
        last = (lengths - 1).clamp_min(0) * len(lengths) + torch.arange(len(lengths), device=lengths.device)
        ends = states.flatten(0, 1).index_select(0, last)
        if bool(lengths.all()):
            return ends
        ran = lengths.bool().reshape(-1, *[1] * (ends.dim() - 1))
        return torch.where(ran, ends, torch.zeros_like(ends) if before is None or before.shape == (0,) else before)

    @cached_property
    def _runs(self) -> Tensor:
        assert self.order is not None
        return torch.arange(len(self.order)) < torch.tensor(self.running).unsqueeze(1)

    @cached_property
    def _index(self) -> Tensor:
        """Where each row lies among all steps of all samples."""
        assert self.order is not None
        starts = torch.arange(self.steps).unsqueeze(1) * len(self.order)
        return (starts.to(self.order.device) + self.order)[self._runs.to(self.order.device)]
