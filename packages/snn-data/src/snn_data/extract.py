"""Unpacking of untrusted archives."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["ArchiveError", "extract"]

# tarfile reads files in pieces of 16 KiB; only a header that lies about its size asks for more than this at once.
LARGEST_READ = 1 << 20
COMPRESSIONS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, RuntimeError, OSError)


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
    allowed, counted while they are unpacked. Tar archives also pass Python's ``filter="data"``.

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
    target.mkdir(parents=True, exist_ok=True)
    limits = _Limits(source.name, max_bytes, max_files)
    # in the destination, so that files are moved without a copy
    unpacked = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=target))
    try:
        with source.open("rb") as file:
            unpack = _unpack_zip if not _begins_as_tar(file) and zipfile.is_zipfile(file) else _unpack_tar
            file.seek(0)
            try:
                unpack(file, unpacked, limits)
            except DAMAGE as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # an error of the system; those of gzip and bz2 have no number
                raise ArchiveError(f"{source.name} is damaged, or not a zip or tar archive: {error}") from error
        entries = sorted(unpacked.iterdir())
        for entry in entries:
            if (target / entry.name).exists():
                raise FileExistsError(
                    f"{target / entry.name} exists, so {source.name} is not unpacked: move it away to unpack again"
                )
        for entry in entries:
            os.replace(entry, target / entry.name)
    finally:
        shutil.rmtree(unpacked)
    return target


class _Limits:
    """The limits of an archive's content, and the content so far."""

    def __init__(self, archive: str, max_bytes: int, max_files: int) -> None:
        self.archive = archive
        self.max_bytes = max_bytes
        self.max_files = max_files
        self.bytes = 0
        self.entries = 0
        self.files: set[tuple[str, ...]] = set()
        self.folders: set[tuple[str, ...]] = set()

    def refuse(self, name: str, why: str) -> ArchiveError:
        return ArchiveError(f"{self.archive} is refused: {name[:200]!r} {why}")

    def enter(self, name: str, *, plain: bool, folder: bool, size: int) -> None:
        """Check one entry before anything of it is written."""
        parts = tuple(part for part in name.rstrip("/").split("/") if part != ".")
        above = {parts[:depth] for depth in range(1, len(parts))}
        if "\\" in name or "\0" in name or ":" in name:
            raise self.refuse(name, "means something else on another system")
        if name.startswith("/") or ".." in parts or "" in parts:
            raise self.refuse(name, "leads out of the folder")
        if not (plain or folder):
            raise self.refuse(name, "is a link or a device; only files and folders are unpacked")
        if parts in self.files or (parts in self.folders and not folder) or not self.files.isdisjoint(above):
            raise self.refuse(name, "appears twice")
        (self.folders if folder else self.files).add(parts)
        self.folders |= above
        self.entries += 1
        if self.entries > self.max_files:
            raise self.refuse(name, f"exceeds max_files={self.max_files}")
        if size < 0:
            raise self.refuse(name, f"has a size of {size}")
        self.write(name, size)

    def write(self, name: str, size: int) -> None:
        self.bytes += size
        if self.bytes > self.max_bytes:
            raise self.refuse(name, f"exceeds max_bytes={self.max_bytes}")


def _begins_as_tar(file: BinaryIO) -> bool:
    """Return True if a file begins as a tar archive, which may end with a zip and so look like one."""
    head = file.read(512)
    return head[257:262] == b"ustar" or head.startswith(tuple(COMPRESSIONS))


def _unpack_zip(file: BinaryIO, folder: Path, limits: _Limits) -> None:
    with zipfile.ZipFile(file) as packed:
        for entry in packed.infolist():
            plain = stat.S_IFMT(entry.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
            limits.enter(entry.orig_filename, plain=plain, folder=plain and entry.is_dir(), size=0)
            place = folder / entry.filename
            if entry.is_dir():
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(entry) as stored, place.open("xb") as out:
                while chunk := stored.read(1 << 18):
                    limits.write(entry.filename, len(chunk))
                    out.write(chunk)


def _unpack_tar(file: BinaryIO, folder: Path, limits: _Limits) -> None:
    start = file.read(6)
    file.seek(0)
    opener = next((opener for magic, opener in COMPRESSIONS.items() if start.startswith(magic)), nullcontext)
    with opener(file) as content, tarfile.open(fileobj=_Guarded(content, limits), mode="r:") as packed:
        packed.extractall(folder, members=_checked(packed, limits), filter="data")


def _checked(packed: tarfile.TarFile, limits: _Limits) -> Iterator[tarfile.TarInfo]:
    for entry in packed:
        limits.enter(entry.name, plain=entry.isfile(), folder=entry.isdir(), size=entry.size)
        yield entry


class _Guarded(io.RawIOBase):
    """The bytes of a tar archive, for a reader that keeps in memory as many bytes as a header asks for."""

    def __init__(self, content: Any, limits: _Limits) -> None:
        self._content = content
        self._limits = limits

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_READ:
            raise self._limits.refuse("a header", f"asks for {size} bytes at once")
        return self._content.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._content.seek(offset, whence)

    def tell(self) -> int:
        return self._content.tell()
