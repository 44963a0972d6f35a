"""Batches whose samples end at different steps."""

from __future__ import annotations

from torch import Tensor


class Ragged:
    """The number of steps of each sample of a batch, ``[batch]``, on the CPU."""

    def __init__(self, lengths: Tensor) -> None:
        self._lengths = lengths
        self.longest = int(lengths.max())
        self._all = int(lengths.sum())

    def within(self, steps: slice) -> tuple[Tensor, Tensor, float]:
        """Return the samples and steps within a segment.

        Returns:
            The samples that reach into it ``[batch]``, bool; how many of its steps each sample has ``[batch]``; and its
            share of the steps of all samples.
        """
        left = (self._lengths - steps.start).clamp(0, steps.stop - steps.start)
        return left > 0, left, int(left.sum()) / self._all
