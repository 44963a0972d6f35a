"""Batches of samples of similar length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from snn_data.seeding import mixed_seed
from snn_data.whole import integer, integers

__all__ = ["LengthBatches"]


class LengthBatches(Sampler[list[int]]):
    """A sampler of batches of samples with similar lengths, the batches in random order.

    Pass it to a ``torch.utils.data.DataLoader`` as its ``batch_sampler``. Every sample comes once per epoch. Samples of
    one length are shuffled before batches are cut, and the batches are shuffled afterward; both orders follow from
    ``(seed, epoch)`` alone. The global random state is neither read nor changed.

    Args:
        lengths: Number of steps of each sample, integers of shape ``[samples]``.
        batch_size: Samples in a batch; the batch with the longest samples may have fewer.
        seed: Seed of all epochs.
        shuffle: True to shuffle; if False, batches come from the shortest to the longest.
        drop_last: True to leave out a batch with fewer samples.

    Raises:
        TypeError: If the lengths are not integers, or `batch_size` is not one.
        ValueError: If they are not one-dimensional or negative, or `batch_size` is below 1.

    Example:
        >>> batches = LengthBatches([9, 2, 8, 2, 1], batch_size=2, shuffle=False)
        >>> list(batches)
        [[4, 1], [3, 2], [0]]
        >>> batches.set_epoch(1)
        >>> len(batches)
        3

    Source: bucketing of sequences by length, Khomenko et al., Accelerating Recurrent Neural Network Training using
        Sequence Bucketing (2017).
    """

    def __init__(
        self,
        lengths: Tensor | np.ndarray | Sequence[int],
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> None:
        self.lengths: Tensor = integers("LengthBatches", "lengths", lengths, "convert with .long()")
        if (self.lengths < 0).any():
            raise ValueError(f"LengthBatches needs lengths of 0 or more, got {self.lengths.min().item()}")
        self.batch_size: int = integer("LengthBatches", "batch_size", batch_size)
        if batch_size < 1:
            raise ValueError(f"LengthBatches needs a batch_size of 1 or more, got {batch_size}")
        self.seed = seed
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.epoch: int = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of the next iteration.

        Args:
            epoch: Number of the epoch, 0 or more.
        """
        self.epoch = epoch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.lengths), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.arange(len(self.lengths), device="cpu")
        generator = torch.Generator()
        if self.shuffle:
            generator.manual_seed(mixed_seed(self.seed, self.epoch))
            order = torch.randperm(len(order), generator=generator, device="cpu")
        order = order[torch.argsort(self.lengths[order], stable=True)]
        batches = order.split(self.batch_size)[: len(self)] if len(order) else ()
        places = torch.arange(len(batches), device="cpu")
        if self.shuffle:
            places = torch.randperm(len(batches), generator=generator, device="cpu")
        yield from (batches[place].tolist() for place in places.tolist())
