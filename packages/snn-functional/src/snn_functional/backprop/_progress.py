"""A progress bar for an epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor


class Progress:
    """The batches of a data loader, with or without a tqdm bar that shows the average loss so far."""

    def __init__(self, dataloader: Iterable[Any], shown: bool) -> None:
        self._losses: list[Tensor] = []
        self._batches, self._bar = dataloader, None
        if shown:
            self._batches = self._bar = _bar(dataloader)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._batches)

    def add(self, loss: Tensor) -> None:
        """Add the loss of a batch; without a bar, nothing waits for its value."""
        self._losses.append(loss)
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{self.mean():.3g}")

    def mean(self) -> Tensor:
        """Return the average loss."""
        if not self._losses:
            raise ValueError("dataloader gave no batch; an iterator lasts for one epoch, a DataLoader for any number")
        return torch.stack(self._losses).mean()


def _bar(dataloader: Iterable[Any]) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            "progress=True shows its bar with tqdm: pip install 'snn-functional[progress]', or pass progress=False"
        ) from error
    return tqdm(dataloader, unit="batch")
