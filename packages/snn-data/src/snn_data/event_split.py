"""The three parts of an event data set: for training, for choosing, and for reporting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from torch.utils.data import Subset

from snn_data.cached import CachedDataset, cached
from snn_data.split import SplitIndices

__all__ = ["EventSplit", "event_split"]


class EventSplit(NamedTuple):
    """Parts of an event data set, with no recording in two; each yields ``(sample, class)`` pairs, cached on disk."""

    train: CachedDataset
    """For the weights."""
    valid: CachedDataset
    """For choosing a model, a step or a stopping time."""
    test: CachedDataset
    """For the number that is reported, once."""


def event_split(
    train: Any,
    valid: SplitIndices | Any,
    test: Any,
    transform: Callable[[Any], Any],
    cache_folder: str | Path | None,
) -> EventSplit:
    """Combine three parts into a split.

    Args:
        train: Data set to train on, or of training and validation together.
        valid: Validation data set, or the indices into `train` of both parts.
        test: Test data set.
        transform: Applied to each recording's events.
        cache_folder: Folder of the cached samples, see `cached`.

    Example:
        >>> import tempfile, torch
        >>> indices = SplitIndices(torch.tensor([1]), torch.tensor([0]))
        >>> parts = event_split([(1, 0), (2, 1)], indices, [(3, 0)], abs, tempfile.mkdtemp())
        >>> parts.train[0], parts.valid[0], parts.test[0]
        ((2, 1), (1, 0), (3, 0))
    """
    if isinstance(valid, SplitIndices):
        train, valid = (Subset(train, indices.tolist()) for indices in valid)
    return EventSplit(*(cached(part, transform, folder=cache_folder) for part in (train, valid, test)))
