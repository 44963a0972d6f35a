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
    """Parts of an event data set that share no recording; each yields ``(sample, class)`` pairs, cached on disk."""

    train: CachedDataset
    """For the weights."""
    valid: CachedDataset
    """For choosing a model, a step or a stopping time."""
    test: CachedDataset
    """For the result that is reported; used once."""


def event_split(
    train: Any,
    valid: SplitIndices | Any,
    test: Any,
    transform: Callable[[Any], Any],
    cache_folder: str | Path | None,
) -> EventSplit:
    """Combine three parts into a split; ``valid`` is a data set, or the indices into ``train`` of both parts."""
    if isinstance(valid, SplitIndices):
        train, valid = (Subset(train, indices.tolist()) for indices in valid)
    return EventSplit(*(cached(part, transform, folder=cache_folder) for part in (train, valid, test)))
