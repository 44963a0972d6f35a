"""Batches with time as the first axis, from tensors, a data set or a data loader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset

from snn_functional._messages import fault, must
from snn_functional._steps import checked_lengths
from snn_functional.backprop._epoch import parts
from snn_functional.backprop._timing import Timing


class Batches:
    """The batches of an epoch: inputs ``[T, batch, ...]``, targets, and the lengths of the samples or None.

    ``name`` is that of the argument, for messages. With ``order``, tensors and data sets are shuffled by it. With
    ``batch_first``, a loader gives ``[batch, T, ...]``, as tensors and data sets always do.
    """

    def __init__(
        self,
        name: str,
        data: Any,
        num_steps: int | None,
        batch_size: int,
        order: torch.Generator | None,
        batch_first: bool = False,
    ) -> None:
        self.name = name
        self.loader: Iterable[Any] = _loader(name, data, batch_size, order)
        self._timing = Timing(num_steps, self.loader is data and not batch_first, None)

    @property
    def number(self) -> int | None:
        """The number of batches, or None if the loader does not know it."""
        try:
            return len(self.loader)  # type: ignore[arg-type]
        except TypeError:
            return None

    @property
    def generators(self) -> list[torch.Generator]:
        """The random generators that the loader draws the order of the samples from, besides PyTorch's own."""
        samplers = [getattr(self.loader, name, None) for name in ("sampler", "batch_sampler")]
        owners = (self.loader, *samplers, *(getattr(sampler, "sampler", None) for sampler in samplers))
        drawn = [getattr(owner, "generator", None) for owner in owners]
        return [generator for generator in drawn if isinstance(generator, torch.Generator)]

    def start(self, epoch: int) -> None:
        """Pass the number of the epoch to the parts of the loader that ask for it by a method ``set_epoch``."""
        names = ("dataset", "sampler", "batch_sampler")
        for part in (self.loader, *(getattr(self.loader, name, None) for name in names)):
            if hasattr(part, "set_epoch"):
                part.set_epoch(epoch)

    def on(self, device: torch.device, time_var_targets: bool) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Yield the batches on a device, with targets of each step ``[T, batch, ...]`` if the loss takes those."""
        batch = None
        for batch in self.loader:
            data, targets, lengths = parts(batch, device, self.name)
            xs = self._timing.sequence(data)
            if time_var_targets:
                targets = self._timing.targets(targets, len(xs))
            samples = targets.shape[1:2] if time_var_targets else targets.shape[:1]
            if xs.shape[1:2] != samples:
                raise ValueError(self._mismatch(data, targets))
            yield xs, targets, None if lengths is None else checked_lengths(lengths, xs, "data")
        if batch is None:
            raise ValueError(must(self.name, "give at least one batch", "none"))

    def _mismatch(self, data: Tensor, targets: Tensor) -> str:
        axes, fix = (
            "[batch, ...]",
            f"leave out num_steps={self._timing.num_steps}, which adds an axis of time, if there is one",
        )
        if self._timing.num_steps is None:
            axes, fix = "[batch, T, ...]", "pass num_steps for data without time"
        if self._timing.num_steps is None and self._timing.time_first:
            axes = "[T, batch, ...]"
            fix = "pass num_steps for data without time, or batch_first=True for [batch, T, ...]"
        shapes = f"{tuple(data.shape)} with targets of shape {tuple(targets.shape)}"
        return must(f"the data of {self.name}", f"have shape {axes}", shapes, fix)


def _loader(name: str, data: Any, batch_size: int, order: torch.Generator | None) -> Iterable[Any]:
    """Return the loader of tensors or a data set, which gives samples on the first axis, or the data as it is."""
    draw = torch.Generator() if order is None else order  # else a loader would draw from PyTorch's own
    if isinstance(data, tuple | list) and data and all(isinstance(part, Tensor) for part in data):
        sizes = [part.shape[:1] for part in data]
        if len(data) not in (2, 3) or len(set(sizes)) > 1 or not sizes[0]:
            shapes = ", ".join(str(tuple(part.shape)) for part in data)
            raise ValueError(must(name, "have data and targets with one row per sample", f"tensors of shapes {shapes}"))
        rows = TensorDataset(*data)
        if not len(rows):
            raise ValueError(must(name, "have at least one sample", f"data of shape {tuple(data[0].shape)}"))
        sampler = range(len(rows)) if order is None else RandomSampler(rows, generator=order)
        return DataLoader(rows, sampler=BatchSampler(sampler, batch_size, False), batch_size=None, generator=draw)
    if isinstance(data, Dataset) and not isinstance(data, IterableDataset):
        if not len(data):  # type: ignore[arg-type]
            raise ValueError(must(name, "have at least one sample", f"an empty {type(data).__name__}"))
        return DataLoader(data, batch_size, shuffle=order is not None, generator=draw)
    if isinstance(data, Iterator):
        raise TypeError(
            fault(f"{name} is a {type(data).__name__}, which lasts for one epoch", "pass a list, or a DataLoader")
        )
    if isinstance(data, Tensor | IterableDataset) or not isinstance(data, Iterable):
        raise TypeError(must(name, "be a pair of tensors, a Dataset or a DataLoader", type(data).__name__))
    return data
