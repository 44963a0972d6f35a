"""Unpacking of untrusted archives."""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["ArchiveError", "extract"]

LARGEST_HEADER = 1 << 20  # tarfile reads a header of any size into memory
COMPRESSED = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, RuntimeError, OSError)

NO_FAULT_OF_SYSTEM = None, errno.EINVAL  # gzip and bz2 give no number; zipfile moves to where a damaged header says


class ArchiveError(ValueError):
    """Error raised for an archive that is damaged, or contains something that does not belong in a data set.

    Example:
        >>> issubclass(ArchiveError, ValueError)
        True
    """


def extract(
    archive: str | Path, folder: str | Path, *, max_bytes: int = 50 * 2**30, max_files: int = 1_000_000
) -> Path:
    """Unpack a zip or tar archive (plain, gz, bz2 or xz) into a folder, all of it or nothing.

    It refuses names that lead out of the folder or have a special meaning on some system (absolute, ``..``, drives,
    backslashes), links, devices, duplicate names, names that exist in the folder already, and more bytes or files than
    allowed. Tar archives also pass Python's ``filter="data"``.

    Args:
        archive: The file.
        folder: Destination of its content; created if needed.
        max_bytes: Largest total number of bytes of the files.
        max_files: Largest number of entries, including folders.

    Returns:
        `folder`.

    Raises:
        ArchiveError: If the archive is refused, damaged, or neither zip nor tar; the folder is unchanged.
        FileNotFoundError: If there is no such file.
        FileExistsError: If the folder has one of the archive's top-level names.

    Example:
        >>> place = Path(tempfile.mkdtemp())
        >>> with zipfile.ZipFile(place / "a.zip", "w") as packed:
        ...     packed.writestr("Train/3.txt", "three")
        >>> (extract(place / "a.zip", place / "out") / "Train" / "3.txt").read_text()
        'three'

    Source: PEP 706 for tar; zip archives are checked by the same rules.
    """
    source, target = Path(archive).expanduser(), Path(folder).expanduser()
    with source.open("rb") as file:
        head = file.read(512)
    target.mkdir(parents=True, exist_ok=True)
    # in the destination, so that files are moved without a copy
    unpacked = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=target))
    try:
        try:
            # a tar archive may end with a zip archive, and so look like one
            if not (head[257:262] == b"ustar" or head.startswith(COMPRESSED)) and zipfile.is_zipfile(source):
                with zipfile.ZipFile(source) as as_zip:
                    as_zip.extractall(unpacked, _checked(source.name, _of_zip(as_zip), max_bytes, max_files))
            else:
                with tarfile.open(source, tarinfo=_TarEntry) as as_tar:
                    entries = _checked(source.name, _of_tar(as_tar), max_bytes, max_files)
                    as_tar.extractall(unpacked, entries, filter="data")
        except DAMAGE as error:
            if isinstance(error, OSError) and error.errno not in NO_FAULT_OF_SYSTEM:
                raise
            why = str(error).partition("\n")[0]
            raise ArchiveError(f"{source.name} is damaged, or not a zip or tar archive: {why}") from error
        tops = sorted(unpacked.iterdir())
        for top in tops:
            if (target / top.name).exists():
                raise FileExistsError(
                    f"{target / top.name} exists, so {source.name} is not unpacked: move it away to unpack again"
                )
        for top in tops:
            os.replace(top, target / top.name)
    finally:
        shutil.rmtree(unpacked)
    return target


Entry = tuple[Any, str, str, int]
"""An entry, its name as stored, its kind ("file", "folder" or "other"), and the number of its bytes."""


def _of_zip(packed: zipfile.ZipFile) -> Iterator[Entry]:
    for entry in packed.infolist():
        plain = stat.S_IFMT(entry.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
        kind = "other" if not plain else "folder" if entry.is_dir() else "file"
        # zipfile writes no more than the size that an entry states
        yield entry, entry.orig_filename, kind, entry.file_size


def _of_tar(packed: tarfile.TarFile) -> Iterator[Entry]:
    for entry in packed:
        yield entry, entry.name, "file" if entry.isfile() else "folder" if entry.isdir() else "other", entry.size


def _checked(archive: str, entries: Iterator[Entry], max_bytes: int, max_files: int) -> Iterator[Any]:
    """Yield the entries of an archive, each once it is found to be harmless."""
    files: set[tuple[str, ...]] = set()
    folders: set[tuple[str, ...]] = set()
    total = 0
    for count, (entry, name, kind, size) in enumerate(entries, start=1):
        parts = tuple(part for part in name.rstrip("/").split("/") if part != ".")
        above = {parts[:depth] for depth in range(1, len(parts))}
        total += max(size, 0)
        faults = {
            "means something else on another system": "\\" in name or "\0" in name or ":" in name,
            "leads out of the folder": name.startswith("/") or ".." in parts or "" in parts,
            "is a link or a device; only files and folders are unpacked": kind == "other",
            "appears twice": parts in files or (parts in folders and kind != "folder") or not files.isdisjoint(above),
            f"exceeds max_files={max_files}": count > max_files,
            f"has a size of {size}": size < 0,
            f"exceeds max_bytes={max_bytes}": total > max_bytes,
        }
        for fault, holds in faults.items():
            if holds:
                raise ArchiveError(f"{archive} is refused: {name[:200]!r} {fault}")
        (folders if kind == "folder" else files).add(parts)
        folders |= above
        yield entry


class _TarEntry(tarfile.TarInfo):
    """An entry of a tar archive; one that is a header for the next is refused if it is too long to be one."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        # where tarfile lets subclasses read an entry their way
        if self.type not in tarfile.REGULAR_TYPES and self.size > LARGEST_HEADER:
            raise tarfile.TarError(f"a header asks for {self.size} bytes at once")
        return super()._proc_member(archive)  # type: ignore[misc]
