"""Points in time: of the processor, or of a GPU in the order of its work."""

from __future__ import annotations

import itertools
import time
from typing import Any

import torch

Mark = float | torch.cuda.Event


def mark(device: torch.device) -> Mark:
    """Return the time, or for a GPU an event, which comes when the work before it is done."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def seconds(*marks: Mark) -> tuple[float, ...]:
    """Wait for the last of some points of one device, in order, and give the seconds from each to the next.

    Example:
        >>> seconds(1.0, 1.5, 3.5)
        (0.5, 2.0)
    """
    if isinstance(marks[-1], torch.cuda.Event):
        marks[-1].synchronize()
    return tuple(itertools.starmap(_between, itertools.pairwise(marks)))


def _between(first: Any, second: Any) -> float:
    if isinstance(first, torch.cuda.Event):
        return first.elapsed_time(second) / 1e3  # from milliseconds
    return second - first
