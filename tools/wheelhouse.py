"""Determine which built files match the current sources; the others must be built again."""

from __future__ import annotations

import hashlib
import json
import pathlib

from workspace import PROJECTS, ROOT, WHEELHOUSE, built

STAMP = "sources.json"


def digest(folder: pathlib.Path) -> str:
    """Return a SHA-256 of the names and contents of all files that a build may read.

    Example:
        >>> digest(ROOT / "packages" / "snn-core") == digest(ROOT / "packages" / "snn-plot")
        False
    """
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            total.update(f"{file.relative_to(folder).as_posix()} {content}\n".encode())
    return total.hexdigest()


def sources() -> dict[str, str]:
    """Return the digest of every distribution's current files.

    Example:
        >>> sources().keys() == PROJECTS.keys()
        True
    """
    return {name: digest(ROOT / "packages" / name) for name in PROJECTS}


def stale(now: dict[str, str], wheelhouse: pathlib.Path = WHEELHOUSE) -> list[str]:
    """Return the distributions that have changed since they were built, or were not built."""
    file = wheelhouse / STAMP
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return [name for name in now if known.get(name) != now[name] or not _there(name, wheelhouse)]


def stamp(now: dict[str, str], wheelhouse: pathlib.Path = WHEELHOUSE) -> None:
    """Record the sources of the built files, as digests from before they were built."""
    (wheelhouse / STAMP).write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


def _there(name: str, wheelhouse: pathlib.Path) -> bool:
    try:
        return all(built(name, suffix, wheelhouse) for suffix in (".whl", ".tar.gz"))
    except FileNotFoundError:
        return False
