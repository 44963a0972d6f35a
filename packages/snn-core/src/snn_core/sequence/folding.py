"""Time steps folded into the batch axis, and batches in which some samples end before others."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import is_dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from snn_core import kernels
from snn_core.kernels.fused import repeated
from snn_core.neuron.hints import time_first
from snn_core.neuron.kept_state import must_fit
from snn_core.neuron.temporal import current
from snn_core.sequence.ending import Ending, each, placed


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
        self._copied: tuple[Any, Tensor] | None = None  # rows made by a copy, weakly, and the steps they are of

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

    def checked(self, out: Any, rows: int) -> Tensor:
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

    def outputs(self, out: Any, rows: int) -> Any:
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
        if self.running is not None:
            return rows.index_select(0, self._index_on(rows.device))
        if not torch.compiler.is_compiling() and rows._base is None and rows is not xs:
            self._copied = weakref.ref(rows), xs
        return rows

    def unfold(self, rows: Tensor) -> Tensor:
        """Return all steps ``[T, batch, ...]``, with zeros where a sample does not run."""
        if self.order is None:
            whole = None if torch.compiler.is_compiling() else rows._base
            if whole is not None and self._folds(whole, rows):
                return whole
            if self._copied is not None and self._copied[0]() is rows and current() is None:
                return self._copied[1]  # as they lie in memory, which a user's code may ask
            return rows.unflatten(0, (self.steps, rows.shape[0] // self.steps))
        whole = rows.new_zeros((self.steps * len(self.order), *rows.shape[1:]))
        return whole.index_copy_(0, self._index_on(rows.device), rows).unflatten(0, (self.steps, len(self.order)))

    def _folds(self, whole: Tensor, rows: Tensor) -> bool:
        """Return True if :meth:`fold` made the rows of the tensor ``whole`` and nothing else uses them.

        Using the tensor itself spares autograd two views, which would copy a gradient that is the same in all steps. A
        watch over the run has seen the rows, and may ask for their gradient.
        """
        return (
            current() is None
            and whole.dim() == rows.dim() + 1
            and whole.shape[0] == self.steps
            and rows.shape == (whole.shape[0] * whole.shape[1], *whole.shape[2:])
            and rows.stride() == whole.stride()[1:]
            and bool(rows.storage_offset() == whole.storage_offset())
            and rows.requires_grad == whole.requires_grad
            and not rows._backward_hooks
            and not rows.retains_grad
            and (rows.grad_fn is None or _follows(rows.grad_fn, whole))
        )

    def each(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Return the steps ``[samples, ...]`` of the rows, as a tuple."""
        return self.unfold(rows).unbind(0) if self.running is None else rows.split(self.running)

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


def _follows(node: Any, tensor: Tensor) -> bool:
    """Return True if a node of a graph passes its gradient directly to a tensor, with no other node in between."""
    after = node.next_functions[0][0]
    return after is tensor.grad_fn or getattr(after, "variable", None) is tensor


class Repeated(Folding):
    """The folding of steps that are all equal, whose rows are those of one step."""

    def unfold(self, rows: Tensor) -> Tensor:
        return repeated(rows, self.steps)


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


def sequences(neuron: Any, x: Tensor, kept: Any, folding: Folding) -> tuple[Tensor, Any, Any]:
    """Run a neuron over rows ``[rows, ...]`` that combine steps and samples, from a kept state, or from rest if None.

    Returns:
        Spikes ``[rows, ...]``; with ``neuron.output`` every step's states as rows, else None; and the state of each
        sample after its last step.
    """
    if folding.order is not None:
        done = _padded(neuron, x, kept, folding) if _gains_from_padding(neuron, x, folding) else None
        return _by_segments(neuron, x, kept, folding) if done is None else done
    xs = folding.unfold(x)
    spk, states = _run(neuron, xs, kept, trace=neuron.output)
    last = each(Tensor.clone, _last_of(states)) if neuron.output else states  # a view would keep all steps in memory
    return folding.fold(spk), each(folding.fold, states) if neuron.output else None, last


# numbers in a segment; with fewer, a kernel call for each segment costs more than running samples that have ended
_WORTH_A_CALL = 2**15


def _gains_from_padding(neuron: Any, x: Tensor, folding: Folding) -> bool:
    if x.device.type != "cpu":
        return False  # a check for an overflow would wait for the device
    if torch.compiler.is_compiling() or x.numel() >= _WORTH_A_CALL * len(set(folding.running or ())):
        return False
    return kernels.choose(neuron, x.unsqueeze(0)).name != "reference"


def _padded(neuron: Any, x: Tensor, kept: Any, folding: Folding) -> tuple[Tensor, Any, Any] | None:
    """Run all samples to the end of the longest, without input after their own end, so that a kernel is called once.

    The result is None if a state overflows, since the gradient of the unused steps would then be NaN instead of zero.
    """
    spk, states = _run(neuron, folding.unfold(x), kept, trace=True)
    if not all(bool(s.isfinite().all()) for s in _last_of(states)):
        return None
    before = [None] * len(states) if kept is None else kept
    last = neuron.State._make([folding.at_end(s, b) for s, b in zip(states, before, strict=True)])
    return folding.fold(spk), each(folding.fold, states) if neuron.output else None, last


def _by_segments(neuron: Any, x: Tensor, kept: Any, folding: Folding) -> tuple[Tensor, Any, Any]:
    """Run only the samples that still run, from one sample's end to the next."""
    ending = Ending(folding.order, type(neuron).__name__)
    spikes, traces = [], []
    for xs in folding.segments(x):
        kept = ending.running(kept, xs.shape[1])
        spk, states = _run(neuron, xs, kept, trace=neuron.output)
        spikes.append(spk)
        traces.append(states)
        kept = _last_of(states) if neuron.output else states
    rows = [folding.concatenated(column) for column in zip(*traces, strict=True)] if neuron.output else None
    return folding.concatenated(spikes), rows and neuron.State._make(rows), ending.whole(kept)


def _run(neuron: Any, xs: Tensor, kept: Any, trace: bool) -> tuple[Tensor, Any]:
    if kept is not None:
        must_fit(neuron, kept, xs.detach()[0])
    return neuron.unroll(xs, kept, trace=trace)


def _last_of(states: Any) -> Any:
    return each(lambda s: s[-1], states)
