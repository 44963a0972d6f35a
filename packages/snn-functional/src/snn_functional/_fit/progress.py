"""A bar with the time left, if tqdm is installed."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any


def bar(batches: int | None, done: int, epochs: int, progress: bool) -> Any:
    """Return a bar over the training batches of all epochs; one that shows nothing, without tqdm."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return nullcontext(_NoBar())
    each = batches or 0
    return tqdm(total=each * epochs or None, initial=each * done, unit="batch", disable=not progress)


class _NoBar:
    def update(self) -> None:
        pass

    def set_postfix(self, values: dict[str, str]) -> None:
        pass
