"""Files that appear in a folder together, completely or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from snn_core.results import Line, Result
from snn_export.c.memory import MemoryReport

__all__ = ["ExportedFiles", "write_folder"]


@dataclass(frozen=True, repr=False)
class ExportedFiles(Result, ABC):
    """The files of an exported net.

    Args:
        files: The contents by file name.
        report: The memory and operations of the net.
    """

    files: Mapping[str, str | bytes]
    report: MemoryReport
    _numbers: ClassVar[str] = MemoryReport._numbers

    @abstractmethod
    def _lines(self) -> list[Line]: ...

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the files to a folder, completely or not at all.

        Args:
            path: The folder, which is created if it does not exist; existing files are replaced.

        Returns:
            The folder.

        Raises:
            OSError: If it cannot be written.
        """
        return write_folder(path, self.files)


def write_folder(path: str | os.PathLike[str], files: Mapping[str, str | bytes]) -> Path:
    """Write files, ASCII texts or bytes, to a folder, which is created if needed; an error leaves nothing behind.

    Raises:
        FileNotFoundError: If the folder in which to create it does not exist.
        NotADirectoryError: If it is a file.
        OSError: If it cannot be written.

    Example:
        >>> import tempfile
        >>> folder = write_folder(Path(tempfile.mkdtemp()) / "c", {"net.h": "int x;"})
        >>> [file.name for file in folder.iterdir()]
        ['net.h']
    """
    folder = Path(os.path.realpath(path))
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; pass the path of a folder")
    taken = [name for name in files if (folder / name).is_dir()]
    if taken:
        raise IsADirectoryError(f"{folder / taken[0]} is a folder where a file must go; move it away")
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"{folder}: there is no folder {str(folder.parent)!r}; make it first")
    # in the folder itself: the one that holds it may be read-only, or on another disk
    part = (folder if folder.exists() else folder.parent) / f".{uuid.uuid4().hex}.part"
    part.mkdir()
    try:
        for name, content in files.items():
            with (part / name).open("xb") as file:
                file.write(content.encode("ascii") if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
        if folder.exists():
            for name in files:
                os.replace(part / name, folder / name)
        else:
            os.rename(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder
