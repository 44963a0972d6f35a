"""The progress of the training, as text."""

from __future__ import annotations

import sys
import time
from typing import TextIO

__all__ = ["Progress"]

WIDTH = 30
# Seconds between two versions of the line within an epoch.
PAUSE = 0.1


class Progress:
    """A progress line that is rewritten during training on a terminal; elsewhere, about ten separate lines.

    Example:
        >>> progress = Progress(epochs=2, batches=3, stream=sys.stdout)
        >>> for done in range(1, 4):
        ...     progress(done, 0.5, 0.75)
        training [###############---------------]  1/2  loss 0.500  accuracy 75.0 %  ... s left
    """

    def __init__(self, epochs: int, batches: int, stream: TextIO | None = None) -> None:
        self.epochs = epochs
        self.batches = batches
        self.stream: TextIO = sys.stderr if stream is None else stream
        self.start: float = time.monotonic()
        self._shown = self.start

    def __call__(self, done: int, loss: float, accuracy: float) -> None:
        """Report that a batch is done.

        Args:
            done: Batches done, of all epochs together, from 1.
            loss: Mean loss of the epoch so far.
            accuracy: Accuracy of the epoch so far, in [0, 1].
        """
        epoch, batch = divmod(done, self.batches)
        last = epoch == self.epochs
        terminal = self.stream.isatty()
        if not (self._is_due(batch) if terminal else self._is_tenth(epoch, batch)):
            return
        now = time.monotonic()
        self._shown, seconds = now, now - self.start
        total = self.epochs * self.batches
        bar = "#" * (WIDTH * done // total)
        remaining = seconds / done * (total - done)
        parts = [
            f"training [{bar:-<{WIDTH}}] {epoch:>2}/{self.epochs}",
            f"batch {batch}/{self.batches}" if batch else "",
            f"loss {loss:.3f}",
            f"accuracy {100 * accuracy:.1f} %",
            f"{seconds:.0f} s" if last else f"{remaining:.0f} s left",
        ]
        text = "  ".join(part for part in parts if part)
        end = "" if terminal and not last else "\n"
        # spaces cover what is left of a longer line
        self.stream.write(f"\r{text:<100}{end}" if terminal else f"{text}{end}")
        self.stream.flush()

    def _is_due(self, batch: int) -> bool:
        return batch == 0 or time.monotonic() - self._shown >= PAUSE

    def _is_tenth(self, epoch: int, batch: int) -> bool:
        return batch == 0 and (epoch == self.epochs or epoch * 10 // self.epochs != (epoch - 1) * 10 // self.epochs)
