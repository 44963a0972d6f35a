"""A data set of sequences of unequal length, held in memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["LabelledSequences"]


class LabelledSequences(Dataset[tuple[Tensor, Tensor]]):
    """Sequences ``[T_i, ...]`` and one target each, in memory; `collate` makes batches of them.

    Args:
        data: One tensor per sample, time on axis 0.
        targets: One target per sample, shape ``[samples, ...]``.

    Raises:
        ValueError: If the numbers of samples differ, or a sequence has no time axis.

    Example:
        >>> pairs = LabelledSequences([torch.zeros(7, 3), torch.zeros(5, 3)], torch.tensor([1, 0]))
        >>> pairs.lengths
        tensor([7, 5])
        >>> sequence, target = pairs[1]
        >>> sequence.shape, target
        (torch.Size([5, 3]), tensor(0))

    Source: the layout of torchvision's in-memory data sets (attributes ``data`` and ``targets``).
    """

    def __init__(self, data: Sequence[Tensor], targets: Tensor) -> None:
        if targets.ndim == 0 or len(data) != len(targets):
            raise ValueError(
                f"LabelledSequences needs one target per sample, got {len(data)} sequences and targets "
                f"{tuple(targets.shape)}: give as many targets as sequences"
            )
        for i, sequence in enumerate(data):
            if sequence.ndim == 0:
                raise ValueError(f"LabelledSequences needs sequences [T, ...], got a scalar as sequence {i}")
        self.data: list[torch.Tensor] = list(data)
        self.targets = targets

    @property
    def lengths(self) -> Tensor:
        """The number of steps of each sample, int64 of shape ``[samples]``."""
        return torch.tensor([len(sequence) for sequence in self.data], dtype=torch.int64, device="cpu")

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.data[index], self.targets[index]

    def __repr__(self) -> str:
        steps = f"{min(map(len, self.data))}..{max(map(len, self.data))}" if self.data else "none"
        return f"LabelledSequences(samples={len(self)}, steps={steps})"
