"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name when it is complete; after an error nothing is left of it.

    A symbolic link stays one: the file that it leads to is written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.bin"
        >>> with whole_file(path) as file:
        ...     _ = file.write(b"whole")
        >>> path.read_bytes()
        b'whole'

    Source: ``rename`` of POSIX.1-2024, which replaces a file in one step.
    """
    path = Path(os.path.realpath(path) if os.path.islink(path) else path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {str(path.parent)!r}; make it first")
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # before it takes its name, which a crash could else leave on an empty file
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
