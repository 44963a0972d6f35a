"""Files that are written completely or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["atomic_file"]


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name only once it is complete; an error leaves nothing behind.

    Several processes may write the same path at once: the last one to finish wins, and readers see one or the other.

    Source: ``rename`` of POSIX.1-2024, which replaces a file in one step.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # not a file made by tempfile, which other users cannot read
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("x+b") as file:
            yield file
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
