"""Batches of sequences of unequal length, which distinguish padding from data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_data.tensors import as_tensor

__all__ = ["RaggedBatch", "collate"]


class RaggedBatch(NamedTuple):
    """Sequences padded to the longest; ``unroll`` and the losses take ``lengths`` or ``mask`` as they are."""

    data: Tensor
    """Samples, zero where padded, ``[T, B, ...]``."""
    targets: Tensor
    """Targets, ``[B, ...]``."""
    lengths: Tensor
    """Number of steps of each sample, int64 ``[B]``."""
    mask: Tensor
    """True where a step is data and False where it is padding, bool ``[T, B]``."""


def collate(samples: Sequence[tuple[Any, Any]]) -> RaggedBatch:
    """Make a batch of samples of unequal length, as ``collate_fn`` of a ``torch.utils.data.DataLoader``.

    Args:
        samples: Pairs of a sequence, an array or tensor ``[T_i, ...]`` of any dtype, and a target of any shape.

    Returns:
        ``(data, targets, lengths, mask)``, with the dtype of data and targets.

    Raises:
        TypeError: If samples or targets differ in dtype.
        ValueError: If there is no sample, a sequence has no time axis, or two differ in shape after it, or two
            targets in shape.

    Example:
        >>> batch = collate([(torch.ones(2, 3), 4), (torch.ones(1, 3), 0)])
        >>> batch.data.shape, batch.targets, batch.lengths
        (torch.Size([2, 2, 3]), tensor([4, 0]), tensor([2, 1]))
        >>> batch.mask
        tensor([[ True,  True],
                [ True, False]])

    Source: ragged batches, ``torch.nn.utils.rnn.pad_sequence``.
    """
    if not samples:
        raise ValueError("collate needs at least one sample, got none")
    sequences = [as_tensor(sequence) for sequence, _ in samples]
    targets = [as_tensor(target) for _, target in samples]
    for i, sequence in enumerate(sequences):
        if sequence.ndim == 0:
            raise ValueError(f"collate needs sequences [T, ...], got a scalar as sample {i}")
    _check_alike("samples after the time axis", [s.shape[1:] for s in sequences], [s.dtype for s in sequences])
    _check_alike("targets", [t.shape for t in targets], [t.dtype for t in targets])

    lengths = torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64, device="cpu")
    data = sequences[0].new_zeros((int(lengths.max()), len(sequences), *sequences[0].shape[1:]))
    for i, sequence in enumerate(sequences):
        data[: len(sequence), i] = sequence
    mask = torch.arange(len(data), device="cpu").unsqueeze(1) < lengths
    return RaggedBatch(data, torch.stack(targets), lengths, mask.to(data.device))


def _check_alike(what: str, shapes: list[torch.Size], dtypes: list[torch.dtype]) -> None:
    for i, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True)):
        if shape != shapes[0]:
            raise ValueError(
                f"collate needs {what} of one shape, got {list(shapes[0])} in sample 0 and {list(shape)} in sample {i}"
            )
        if dtype != dtypes[0]:
            raise TypeError(f"collate needs {what} of one dtype, got {dtypes[0]} in sample 0 and {dtype} in sample {i}")
