"""How far the training is, as text."""

from __future__ import annotations

import sys
import time
from typing import TextIO

__all__ = ["Progress"]

WIDTH = 30


class Progress:
    """A line that is written anew after each epoch on a terminal; elsewhere a new line about ten times.

    Args:
        epochs: Epochs that there will be.
        stream: Where to write; standard error if None.

    Example:
        >>> progress = Progress(epochs=2, stream=sys.stdout)
        >>> progress(1, 0.5, 0.75)
        training [###############---------------]  1/2  loss 0.500  accuracy 75.0 %  ... s left
    """

    def __init__(self, epochs: int, stream: TextIO | None = None) -> None:
        self.epochs = epochs
        self.stream = sys.stderr if stream is None else stream
        self.start = time.monotonic()

    def __call__(self, epoch: int, loss: float, accuracy: float) -> None:
        """Say that an epoch is done.

        Args:
            epoch: Epochs done, from 1.
            loss: Mean loss of the epoch.
            accuracy: Accuracy of the epoch, in [0, 1].
        """
        last = epoch == self.epochs
        terminal = self.stream.isatty()
        if not terminal and not last and epoch * 10 // self.epochs == (epoch - 1) * 10 // self.epochs:
            return
        done = WIDTH * epoch // self.epochs
        seconds = time.monotonic() - self.start
        remaining = seconds / epoch * (self.epochs - epoch)
        text = (
            f"training [{'#' * done}{'-' * (WIDTH - done)}] {epoch:>2}/{self.epochs}  loss {loss:.3f}  "
            f"accuracy {100 * accuracy:.1f} %  "
        ) + (f"{seconds:.0f} s" if last else f"{remaining:.0f} s left")
        end = "" if terminal and not last else "\n"
        # spaces cover what is left of a longer line
        self.stream.write(f"\r{text:<100}{end}" if terminal else f"{text}{end}")
        self.stream.flush()
