"""The progress of a download, on one line of a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

__all__ = ["Progress", "progress_line"]

Progress = Callable[[int, int | None], None]
"""A function of the bytes received so far, and the bytes in all or None if the server does not say."""


def progress_line(name: str) -> Progress:
    """Return a function that reports bytes done and in all on one line of standard error, if that is a terminal."""
    last = -1.0

    def report(done: int, total: int | None) -> None:
        nonlocal last
        complete = done == total
        # a program without a console has no standard error
        if sys.stderr is None or not sys.stderr.isatty() or (not complete and time.monotonic() - last < 0.1):
            return
        last = time.monotonic()
        share = f" {done / total:4.0%} of {total / 1e6:,.1f} MB" if total else f" {done / 1e6:,.1f} MB"
        print(f"\r{name}:{share}", end="\n" if complete else "", file=sys.stderr, flush=True)

    return report
