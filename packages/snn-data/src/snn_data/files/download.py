"""Downloads that are checked, and appear only once they are complete and correct."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from pooch import HTTPDownloader

from snn_data.files.atomic import atomic_file
from snn_data.files.checksum import check_file, parsed_checksum
from snn_data.whole import integer

__all__ = ["download"]

CHUNK = 1 << 18
HEADERS = {"User-Agent": "snn-data", "Accept-Encoding": "identity"}
Progress = Callable[[int, int | None], None]
"""A function of the bytes received so far and the total number of bytes, or None if the server does not state it."""


def download(
    url: str,
    path: str | Path,
    *,
    checksum: str | None,
    progress: bool | Progress = True,
    max_bytes: int | None = None,
    timeout: float = 30.0,
    tries: int = 3,
) -> Path:
    """Download a file, unless it exists already.

    Bytes go to a file of another name, which gets its final name when the checksum is right, and is deleted after an
    error. A program that is killed leaves it, as ``.<digits>.part``. Several processes may download the same path at
    once.

    Args:
        url: Address, ``http`` or ``https``.
        path: Destination of the file; missing folders are created.
        checksum: ``"sha256:"`` or ``"md5:"`` and hexadecimal digits; None accepts any content.
        progress: True for a line on a terminal, or a function of the bytes done and the total (or None).
        max_bytes: Largest accepted number of bytes.
        timeout: Seconds without an answer after which a connection counts as broken.
        tries: Number of connections to try, at least 1; each begins anew.

    Returns:
        `path`.

    Raises:
        ChecksumError: If the file, downloaded or already there, is a different one.
        OSError: If the server cannot be reached, refuses, or breaks off in every try.
        TypeError: If `tries` is not an integer.
        ValueError: If `url` or `checksum` does not have the required form, `tries` is less than 1, or the file is
            larger than `max_bytes`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "empty"
        >>> path.touch()
        >>> download("https://example.org/empty", path, checksum="md5:d41d8cd98f00b204e9800998ecf8427e") == path
        True
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"download needs an http or https address, got {url!r}")
    if checksum is not None:
        parsed_checksum(checksum)
    tries = integer("download", "tries", tries)
    if tries < 1:
        raise ValueError(f"download needs tries of 1 or more, got {tries}")
    target = Path(path).expanduser()
    if target.exists():
        if checksum is not None:
            check_file(target, checksum)
        return target
    report = _line(target.name) if progress is True else progress or (lambda done, total: None)
    for attempt in range(1, tries + 1):
        try:
            with atomic_file(target) as file:
                _fetch(url, file, report, max_bytes, timeout)
                if checksum is not None:
                    check_file(Path(file.name), checksum, url)
            break
        except OSError as error:
            answer = getattr(error, "response", None)
            if answer is not None:
                raise OSError(f"{url}: the server answered {answer.status_code} {answer.reason}") from None
            if attempt == tries:
                raise OSError(f"{url}: broke off in try {attempt} of {tries} ({error!r}); call again") from error
    return target


def _fetch(url: str, file: BinaryIO, progress: Progress, max_bytes: int | None, timeout: float) -> None:
    received = _Received(url, file, progress, max_bytes)
    HTTPDownloader(received, CHUNK, timeout=timeout, headers=HEADERS)(url, file, None)
    if file.tell() < received.total:
        raise ConnectionError(f"only {file.tell()} of {received.total} bytes arrived")
    file.flush()


class _Received:
    """The bytes in a file, reported and limited; pooch takes it for a progress bar."""

    def __init__(self, url: str, file: BinaryIO, report: Progress, max_bytes: int | None) -> None:
        self.url = url
        self.file = file
        self.report = report
        self.max_bytes = max_bytes
        self.done = -1
        self._total = 0

    @property
    def total(self) -> int:
        """Number of bytes that the server states; 0 if it does not."""
        return self._total

    @total.setter
    def total(self, size: int) -> None:
        self._total = size
        self.update(0)

    def update(self, _: int) -> None:
        """Look at the file: pooch passes the size of a chunk, which may be larger than what came."""
        done = self.file.tell()
        if self.max_bytes is not None and max(done, self.total) > self.max_bytes:
            raise ValueError(f"{self.url}: {max(done, self.total)} bytes or more, but max_bytes is {self.max_bytes}")
        if done != self.done:
            self.done = done
            self.report(done, self.total or None)

    def reset(self) -> None:
        """Do nothing: what is in the file stays in it."""

    close = reset


def _line(name: str) -> Progress:
    """Return a function that reports progress on one line of standard error, if that is a terminal."""
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
