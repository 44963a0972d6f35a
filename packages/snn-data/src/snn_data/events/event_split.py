"""The three parts of an event data set: for training, for choosing, and for reporting."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset, Subset

from snn_data.files.cached import UNKEYED, CachedDataset, samples_folder
from snn_data.splits.split import SplitIndices, ThreePartSplit

__all__ = ["EventSplit", "cache_key", "event_split"]


class EventSplit(ThreePartSplit[Dataset[Any]]):
    """Parts of an event data set that share no recording; each yields ``(sample, class)`` pairs, cached on disk."""


def event_split(
    train: Any,
    valid: SplitIndices | Any,
    test: Any,
    transform: Callable[[Any], Any],
    key: str | None,
    cache_folder: str | Path | None,
) -> EventSplit:
    """Combine three parts into a split; ``valid`` is a data set, or the indices into ``train`` of both parts.

    Args:
        train: Recordings for training, or for training and validation.
        valid: Recordings for validation, or the indices.
        test: Recordings of the test part.
        transform: Applied to the events of each recording.
        key: Name of the data set and the transform, see `cached`; None for a transform without a name.
        cache_folder: Folder of the cached samples.
    """
    if key is None:
        warnings.warn(UNKEYED, DeprecationWarning, stacklevel=3)

    def part(dataset: Any, name: str) -> CachedDataset:
        return CachedDataset(dataset, transform, None, samples_folder(cache_folder), key and f"{key}, {name}")

    whole, last = part(train, "train"), part(test, "test")
    if isinstance(valid, SplitIndices):
        train, valid = (Subset(whole, indices.tolist()) for indices in valid)
        return EventSplit(train, valid, last)
    return EventSplit(whole, part(valid, "valid"), last)


def cache_key(name: str, dt: float, transform: Any, key: str | None) -> str | None:
    """Return the key of a data set's frames of ``dt`` seconds, or of its samples by a transform of the user's."""
    return f"{name}, frames of {dt!r} s" if transform is None else key and f"{name}, {key}"
