"""Time steps folded into the batch axis, and batches in which some samples end before others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import is_dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from snn_core.graph.ending import placed
from snn_core.neuron.hints import time_first


class Folding:
    """The order in which the steps ``[T, batch, ...]`` make up the rows ``[rows, ...]`` that a layer sees.

    The rows are all samples, step after step. With ``running``, each step has rows only for the samples that still run,
    which come first in the given order. A sample that has ended has no row and is not computed.

    Args:
        steps: Number of time steps.
        running: Number of samples that run in each step, which never grows; None if all run in every step.
        order: With ``running``, the samples by decreasing length, ``[batch]``; on the CPU, so that nothing has to wait
            for another device.

    Example:
        >>> folding = Folding(3, running=(2, 2, 1), order=torch.tensor([1, 0]))
        >>> rows = folding.fold(torch.tensor([[1, 10], [2, 20], [3, 30]]))
        >>> rows
        tensor([10,  1, 20,  2, 30])
        >>> [x.tolist() for x in folding.segments(rows)]
        [[[10, 1], [20, 2]], [[30]]]
        >>> folding.unfold(rows).tolist()
        [[1, 10], [2, 20], [0, 30]]
    """

    def __init__(self, steps: int, running: tuple[int, ...] | None = None, order: Tensor | None = None) -> None:
        self.steps = steps
        self.running = running
        self.order = order
        self._placed: Tensor | None = None

    def part(self, start: int, steps: int) -> Folding:
        """Return the folding of ``steps`` steps from ``start`` on."""
        running = None if self.running is None else self.running[start : start + steps]
        return Folding(steps, running, self.order)

    def parts(self, segments: Iterable[Tensor]) -> Iterator[tuple[Tensor, Folding]]:
        """Return consecutive segments ``[some steps, batch, ...]``, each with its own folding."""
        start = 0
        for segment in segments:
            yield segment, self.part(start, len(segment))
            start += len(segment)

    def checked(self, out: Any, rows: int | None) -> Tensor:
        """Return an output of a net for ``rows`` rows.

        Raises:
            TypeError: If it is not a tensor.
            ValueError: If it does not have one row per sample, while samples have different lengths.
        """
        if not isinstance(out, Tensor):
            name = type(out).__name__
            known = f", or call torch.export.register_dataclass({name})" if is_dataclass(out) else ""
            raise TypeError(
                f"unroll stacks the tensors that a net returns, but this net returns a {name}; return tensors, alone "
                f"or in a tuple, list, dict or NamedTuple{known}"
            )
        if self.order is not None and out.shape[:1] != (rows,):
            raise ValueError(
                f"unroll: lengths needs a net that returns one row per sample, but this one makes an output of "
                f"shape {tuple(out.shape)} from {rows} rows; reduce the batch after unroll"
            )
        return out

    def outputs(self, out: Any, rows: int | None) -> Any:
        """Return all steps ``[T, batch, ...]`` of an output of ``rows`` rows, or of each tensor in a structure of them.

        Raises:
            TypeError: If it contains anything but tensors.
            ValueError: If it does not have one row per sample, while samples have different lengths.
        """
        if isinstance(out, Tensor):
            return self.unfold(self.checked(out, rows))
        if type(out) is tuple:
            return tuple([self.outputs(each, rows) for each in out])
        return tree_map(lambda leaf: self.unfold(self.checked(leaf, rows)), out)

    def fold(self, xs: Tensor) -> Tensor:
        """Return the rows of ``[T, batch, ...]``."""
        rows = xs.flatten(0, 1)
        return rows if self.running is None else rows.index_select(0, self._index_on(rows.device))

    def rows(self, outs: Any) -> Any:
        """Return the rows of ``[T, batch, ...]``, or of each tensor in a structure of them."""
        return self.fold(outs) if isinstance(outs, Tensor) else tree_map(self.fold, outs)

    def unfold(self, rows: Tensor) -> Tensor:
        """Return all steps ``[T, batch, ...]``, with zeros where a sample does not run."""
        if self.order is None:
            return rows.unflatten(0, (self.steps, rows.shape[0] // self.steps))
        whole = rows.new_zeros((self.steps * len(self.order), *rows.shape[1:]))
        return whole.index_copy_(0, self._index_on(rows.device), rows).unflatten(0, (self.steps, len(self.order)))

    def each(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Return the steps ``[samples, ...]`` of the rows, as a tuple."""
        return self.unfold(rows).unbind(0) if self.running is None else rows.split(self.running)

    def samples(self, batch: int) -> tuple[int, ...]:
        """Return the number of samples in each step of a batch."""
        return (batch,) * self.steps if self.running is None else self.running

    def steps_of(self, xs: Tensor) -> tuple[Tensor, ...]:
        """Return the steps ``[samples, ...]`` of ``[T, batch, ...]``, as a tuple."""
        return xs.unbind(0) if self.running is None else self.each(self.fold(xs))

    def stacked(self, steps: Sequence[Tensor]) -> Tensor:
        """Return all steps ``[T, batch, ...]``, from a sequence of steps."""
        return torch.stack(list(steps)) if self.running is None else self.unfold(torch.cat(list(steps)))

    def segments(self, rows: Tensor) -> list[Tensor]:
        """Return the segments of steps in which the same samples run, ``[steps, samples, ...]`` each."""
        if self.running is None:
            return [self.unfold(rows)]
        shapes = [(len(list(steps)), samples) for samples, steps in groupby(self.running)]
        parts = rows.split([steps * samples for steps, samples in shapes])
        return [part.unflatten(0, shape) for part, shape in zip(parts, shapes, strict=True)]

    def concatenated(self, segments: Sequence[Tensor]) -> Tensor:
        """Return the rows of segments like those of :meth:`segments`."""
        parts = [part.flatten(0, 1) for part in segments]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def at_end(self, states: Tensor, before: Tensor | None) -> Tensor:
        """Return each sample's state after its last step; for a sample without steps, its state ``before``, or zero."""
        assert self.order is not None
        lengths, device = self._runs.sum(0)[self.order.argsort()], states.device
        ends = states[placed((lengths - 1).clamp_min(0), device), torch.arange(len(lengths), device=device)]
        if bool(lengths.all()):
            return ends
        rest = torch.zeros_like(ends) if before is None or before.shape == (0,) else before
        return torch.where(placed(lengths.bool(), device).reshape(-1, *[1] * (ends.dim() - 1)), ends, rest)

    @cached_property
    def _runs(self) -> Tensor:
        assert self.order is not None
        counts = torch.tensor(self.running, device="cpu")
        return torch.arange(len(self.order), device="cpu") < counts.unsqueeze(1)

    def _index_on(self, device: torch.device) -> Tensor:
        """Return the position of each row among all steps of all samples."""
        assert self.order is not None
        if self._placed is None or self._placed.device != device:
            starts = torch.arange(self.steps, device="cpu").unsqueeze(1) * len(self.order)
            self._placed = placed((starts + self.order)[self._runs], device)
        return self._placed


def folding_of(lengths: Any, xs: Tensor) -> Folding:
    """Return the folding of a padded batch: which samples run in each step, up to the end of the longest sample.

    There is at least one step, even if no sample runs in it.

    Args:
        lengths: Number of steps of each sample ``[batch]``, integers in 0..T, which are read on the CPU.
        xs: The batch ``[T, batch, ...]``.

    Returns:
        Its folding; the plain one if every sample has all steps.

    Raises:
        ValueError: If the batch axis is missing, or a sample does not have exactly one length in 0..T.
        TypeError: If the lengths are not integers.
    """
    if xs.dim() < 2:
        raise ValueError(f"unroll: lengths belong to samples, but xs of shape {tuple(xs.shape)} has no batch axis 1")
    steps, batch = xs.shape[:2]
    counts = _integers(lengths)
    if counts.shape != (batch,):
        raise ValueError(
            f"unroll: lengths has shape {tuple(counts.shape)}; xs of shape {tuple(xs.shape)} takes one per sample, "
            f"[{batch}]{time_first(counts.shape, xs.shape)}"
        )
    outside = (counts < 0) | (counts > steps)
    if outside.any():
        raise ValueError(
            f"unroll: lengths contains {counts[outside][0].item()}; with {steps} steps, a length must be in "
            f"[0, {steps}]"
        )
    if batch and (counts == steps).all():
        return Folding(steps)
    longest = max(counts.tolist(), default=0) or 1
    running = (counts > torch.arange(longest, device="cpu").unsqueeze(1)).sum(1)
    return Folding(longest, tuple(running.tolist()), counts.argsort(descending=True, stable=True))


def _integers(lengths: Any) -> Tensor:
    try:
        counts = torch.as_tensor(lengths, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"unroll: lengths is {lengths!r:.100}; pass one integer per sample, as a tensor or list"
        ) from error
    if isinstance(lengths, list | tuple) and not lengths:
        return counts.long()  # an empty list becomes a tensor of floats
    if counts.is_floating_point() or counts.is_complex() or counts.dtype == torch.bool:
        raise TypeError(f"unroll: lengths is {counts.dtype}; numbers of steps are integers: pass lengths.long()")
    return counts.long()  # narrow integers would wrap the numbers they are compared with
