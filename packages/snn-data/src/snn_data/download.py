"""Downloads that resume where they broke off, are checked, and appear only once they are complete and correct."""

from __future__ import annotations

import functools
import http.client
import os
import re
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from snn_data.checksum import ChecksumError, check_file, parsed_checksum
from snn_data.whole import integer

__all__ = ["download"]

CHUNK = 1 << 18
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

    Bytes go to ``<path>.part``, which gets its final name when the checksum is right. A download that broke off, in
    this call or an earlier one, continues where it stopped. Without a checksum nothing would detect that the file has
    changed in the meantime, so then each call starts again, with a separate part that it deletes after an error. A
    finished file with a different checksum is deleted. Several processes may download the same path at once.

    Args:
        url: Address, ``http`` or ``https``.
        path: Destination of the file; missing folders are created.
        checksum: ``"sha256:"`` or ``"md5:"`` and hexadecimal digits; None accepts any content.
        progress: True for a line on a terminal, or a function of the bytes done and the total (or None).
        max_bytes: Largest accepted number of bytes.
        timeout: Seconds without an answer after which a connection counts as broken.
        tries: Number of connections to try, at least 1; each goes on where the one before broke off.

    Returns:
        `path`.

    Raises:
        ChecksumError: If the file, downloaded or already there, is a different one.
        OSError: If the server cannot be reached, refuses, or breaks off in every try; with a checksum, the received
            bytes stay for the next call.
        TypeError: If `tries` is not an integer.
        ValueError: If `url` or `checksum` does not have the required form, `tries` is less than 1, or the file is
            larger than `max_bytes`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "empty"
        >>> path.touch()
        >>> download("https://example.org/empty", path, checksum="md5:d41d8cd98f00b204e9800998ecf8427e") == path
        True

    Source: range requests, RFC 9110 section 14.
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
    target.parent.mkdir(parents=True, exist_ok=True)
    report = _line(target.name) if progress is True else progress or (lambda done, total: None)
    receive = functools.partial(_receive, url, report, max_bytes, timeout, tries)
    if checksum is None:
        part = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")
        try:
            receive(part, resume=False)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        return target
    part = target.with_name(f"{target.name}.part")
    receive(part, resume=True)
    try:
        check_file(part, checksum)
        os.replace(part, target)
    except ChecksumError as error:
        part.unlink(missing_ok=True)
        raise ChecksumError(f"{url}: {error}") from None
    except FileNotFoundError as error:
        if not target.exists():
            raise OSError(f"{url}: another process deleted {part}, which was damaged; call again") from error
        check_file(target, checksum)  # another process has finished it
    return target


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


def _receive(
    url: str, progress: Progress, max_bytes: int | None, timeout: float, tries: int, part: Path, *, resume: bool
) -> None:
    """Fetch a file in a number of tries, each from where the one before broke off or from the beginning."""
    for attempt in range(1, tries + 1):
        try:
            _fetch(url, part, progress, max_bytes, timeout)
            return
        except urllib.error.HTTPError as error:
            error.close()
            raise OSError(f"{url}: the server answered {error.code} {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            if attempt == tries:
                raise OSError(
                    f"{url}: broke off in try {attempt} of {tries} ({error!r}); call again to continue"
                ) from error
            if not resume:
                part.unlink(missing_ok=True)


def _fetch(url: str, part: Path, progress: Progress, max_bytes: int | None, timeout: float) -> None:
    """Write the missing bytes of the file to their places; a server that ignores the range sends all of them again."""
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "snn-data", "Accept-Encoding": "identity"})
    if there:
        request.add_header("Range", f"bytes={there}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not there:
            raise
        error.close()  # nothing is missing, or the file is a different one, which the checksum detects
        return
    with response:
        if response.status != 206:
            there = 0
        elif not re.match(rf"bytes {there}-", response.headers.get("Content-Range", "")):
            raise ValueError(f"{url}: asked for bytes from {there} on, got {response.headers.get('Content-Range')!r}")
        length = response.headers.get("Content-Length")
        total = there + int(length) if length else None
        _check_size(url, total or 0, max_bytes)
        part.touch()
        # by place, not appended: another process that writes to this file writes the same bytes to the same places
        with part.open("r+b") as file:
            file.seek(there)
            progress(there, total)
            while chunk := response.read(CHUNK):
                there += len(chunk)
                _check_size(url, there, max_bytes)
                file.write(chunk)
                progress(there, total)
            if total is not None and there < total:
                raise ConnectionError(f"only {there} of {total} bytes arrived")
            file.truncate()


def _check_size(url: str, size: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size > max_bytes:
        raise ValueError(f"{url}: {size} bytes or more, but max_bytes is {max_bytes}")
