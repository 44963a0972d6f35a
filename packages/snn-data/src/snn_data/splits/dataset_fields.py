"""The two fields that in-memory data sets share, ``data`` and ``targets``, and the selection of samples."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

__all__ = ["HasDataAndTargets", "check_fields", "take"]

# size in bytes from which numpy requests huge pages, which take half the time to fill; torch never does
_LARGE = 4 * 2**20


class HasDataAndTargets(Protocol):
    """A sized data set that keeps its samples in ``data`` and their classes in ``targets``."""

    data: Any
    targets: Any

    def __len__(self) -> int: ...


def check_fields(dataset: HasDataAndTargets, caller: str) -> int:
    """Return the number of samples of a data set after checking that it has as many ``targets`` as ``data``."""
    for field in ("data", "targets"):
        if not hasattr(getattr(dataset, field, None), "__len__"):
            raise TypeError(
                f"{caller} needs a data set with attributes 'data' and 'targets', one entry per sample; "
                f"{type(dataset).__name__} has no such {field!r} (torch.utils.data.Subset works on any data set)"
            )
    samples, targets = len(dataset.data), len(dataset.targets)
    if samples != targets:
        raise ValueError(f"{caller} needs one target per sample, got {samples} samples and {targets} targets")
    return samples


def take(values: Any, indices: np.ndarray | range) -> Any:
    """Copy the entries at `indices`, in that order, into a container of the same kind; ranges without gaps are faster.

    Integers of shape ``[samples]`` index whatever is neither a tensor, a list nor a tuple.
    """
    if isinstance(values, Tensor):
        return _take_from_tensor(values, indices)
    if isinstance(values, list):
        return [values[i] for i in indices]
    if isinstance(values, tuple):
        return tuple(values[i] for i in indices)
    return values[np.asarray(indices, dtype=np.int64)]


def _take_from_tensor(values: Tensor, indices: np.ndarray | range) -> Tensor:
    if isinstance(indices, range):
        return values[indices.start : indices.stop].clone(memory_format=torch.contiguous_format)
    rows = torch.as_tensor(indices, device=values.device)
    shape = (len(rows), *values.shape[1:])
    size = math.prod(shape) * values.element_size()
    is_plain = type(values) is Tensor and values.device.type == "cpu" and values.layout is torch.strided
    if size < _LARGE or values.requires_grad or not is_plain:
        return values.index_select(0, rows)
    room = torch.from_numpy(np.empty(size, np.uint8)).view(values.dtype).view(shape)
    return torch.index_select(values, 0, rows, out=room)
