"""Checks of the metadata of a NIR file, and sidecars: JSON files with the metadata of files in the older format."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import nir
import numpy as np

from snn_nir.codes import NIRError, refusal
from snn_nir.graphs.fields import walk
from snn_nir.graphs.metadata import gathered, with_metadata

_FORMAT = "snn-nir sidecar 1"
_MAX_BYTES = 2**26


def sidecar_text(graph: nir.NIRGraph, content: bytes) -> str:
    """Return the text of a graph's sidecar, JSON: the metadata by path, and the SHA-256 of the file."""
    entries = {path: _to_json(metadata) for path, metadata in gathered(graph).items()}
    return json.dumps({"format": _FORMAT, "sha256": hashlib.sha256(content).hexdigest(), "metadata": entries}, indent=1)


def with_sidecar(
    graph: nir.NIRGraph, file: str | os.PathLike[str] | BinaryIO, sidecar: str | os.PathLike[str]
) -> nir.NIRGraph:
    """Return a copy of a graph with the metadata of a sidecar; refuse it if it is damaged or not of this file."""
    here = f"sidecar {os.fspath(sidecar)!r}"
    if os.stat(sidecar).st_size > _MAX_BYTES:
        raise refusal("NIR115", here, f"more than {_MAX_BYTES} bytes")
    try:
        held = json.loads(Path(sidecar).read_bytes())
        entries = {path: _from_json(metadata) for path, metadata in held["metadata"].items()}
        matches = held["format"] == _FORMAT and held["sha256"] == _digest(file)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise refusal("NIR115", here, f"{type(error).__name__}: {str(error)[:80]}") from None
    if not matches:
        raise refusal("NIR115", here, "it was written for another file")
    unknown = entries.keys() - {path for path, _ in walk(graph)}
    if unknown or not all(isinstance(metadata, dict) for metadata in entries.values()):
        raise refusal("NIR115", here, f"no such nodes: {', '.join(sorted(unknown))[:80]}")
    for path, metadata in entries.items():
        for error in bad_metadata(metadata, f"{here}, {path!r}"):
            raise error
    return with_metadata(graph, entries)


def _digest(file: str | os.PathLike[str] | BinaryIO) -> str:
    if isinstance(file, (str, os.PathLike)):
        with Path(file).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    file.seek(0)
    return hashlib.sha256(file.read()).hexdigest()


def _to_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {"dict": {key: _to_json(inner) for key, inner in value.items()}}
    if isinstance(value, (np.ndarray, np.generic)):
        return {"array": value.tolist(), "dtype": str(value.dtype), "shape": list(value.shape)}
    return value


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" not in value:
        return {key: _from_json(inner) for key, inner in value["dict"].items()}
    dtype = np.dtype(value["dtype"])
    if dtype.kind not in "biuf":
        raise ValueError(f"values of type {dtype}")
    array = np.array(value["array"], dtype)
    if list(array.shape) != value["shape"]:
        array = array.reshape([int(size) for size in value["shape"]])  # an empty list has lost its other axes
    return array if array.ndim else array[()]


_MAX_NAME = 2**10
_MAX_LEVELS = 16


def bad_names(name: Any, where: str) -> Iterator[NIRError]:
    """Yield an error for a name that would change, or vanish, when it is read back.

    That is an empty name, ``"."``, one with ``/`` or a null character, or over 1024 bytes.
    """
    if not isinstance(name, str) or name in ("", ".") or "/" in name or "\0" in name or _size(name) > _MAX_NAME:
        yield refusal("NIR113", where, repr(name)[:80])


def bad_metadata(value: Any, where: str) -> Iterator[NIRError]:
    """Yield an error for each entry that would change when it is read back.

    Entries may be text, numbers, bools, arrays of numbers, lists of text or of numbers, or dicts of these.
    """
    yield from _bad_entries(value, f"{where}, metadata", 0)


def _bad_entries(value: Any, where: str, level: int) -> Iterator[NIRError]:
    if isinstance(value, dict) and level > _MAX_LEVELS:
        yield refusal("NIR114", where, f"more than {_MAX_LEVELS} levels")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from bad_names(key, where)
            yield from _bad_entries(inner, f"{where} {key!r}", level + 1)
    elif isinstance(value, str):
        if "\0" in value or _size(value) == math.inf:
            yield refusal("NIR114", where, f"text with a null character or a lone surrogate: {value[:40]!r}")
    elif isinstance(value, (list, tuple)) and value and all(isinstance(entry, str) for entry in value):
        for entry in value:
            yield from _bad_entries(entry, where, level)
    elif isinstance(value, (list, tuple, np.ndarray, np.generic, int, float)):
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError):
            yield refusal("NIR114", where, "a list of unequal parts")
            return
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            yield refusal("NIR114", where, f"values of type {array.dtype}")
    else:
        yield refusal("NIR114", where, type(value).__name__)


def _size(text: str) -> float:
    """Return the number of bytes of a text, or infinity if it cannot be encoded."""
    try:
        return len(text.encode("utf8"))
    except UnicodeEncodeError:
        return math.inf
