"""A data set held in two tensors: samples and their targets."""

from __future__ import annotations

from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["LabelledTensors"]


class LabelledTensors(Dataset[tuple[Tensor, Tensor]]):
    """Samples and targets in memory, one row of each per sample.

    It works as a ``torch.utils.data.Dataset`` and carries the attributes ``data`` and ``targets`` that
    `data_subset` and `valid_split` use, so the whole set can also be taken as two tensors.

    Args:
        data: Samples, shape ``[samples, ...]``.
        targets: One target per sample, shape ``[samples, ...]``.

    Raises:
        ValueError: If `data` and `targets` do not have the same number of samples.

    Example:
        >>> import torch
        >>> pairs = LabelledTensors(torch.zeros(3, 1, 8, 8), torch.tensor([4, 0, 7]))
        >>> len(pairs)
        3
        >>> image, target = pairs[2]
        >>> image.shape, target
        (torch.Size([1, 8, 8]), tensor(7))

    Source: the layout of torchvision's in-memory data sets (attributes ``data`` and ``targets``).
    """

    def __init__(self, data: Tensor, targets: Tensor) -> None:
        if data.ndim == 0 or targets.ndim == 0 or len(data) != len(targets):
            raise ValueError(
                f"LabelledTensors needs one target per sample, got data {tuple(data.shape)} and targets "
                f"{tuple(targets.shape)}: give both the same first dimension"
            )
        self.data = data
        self.targets = targets

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int | slice | Tensor) -> tuple[Tensor, Tensor]:
        return self.data[index], self.targets[index]

    def __repr__(self) -> str:
        return f"LabelledTensors(data={list(self.data.shape)}, targets={list(self.targets.shape)})"
