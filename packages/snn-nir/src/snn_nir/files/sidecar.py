"""Metadata that a NIR file can hold, and metadata in a file beside one whose format has no place for it."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any, BinaryIO

import nir
import numpy as np

from snn_nir.codes import refusal
from snn_nir.graphs.fields import place, walk

_FORMAT = "snn-nir sidecar 1"
_MAX_BYTES = 2**26


def gathered(graph: nir.NIRGraph) -> dict[str, dict[str, Any]]:
    """Return the metadata of a graph and its nodes, by path; the graph's own is under ``""``.

    Example:
        >>> gathered(nir.NIRGraph({"gain": nir.Scale(np.ones(2), metadata={"a": 1})}, [], type_check=False))
        {'gain': {'a': 1}}
    """
    return {path: node.metadata for path, node in walk(graph) if node.metadata}


def without_metadata(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Return a copy of a graph in which nothing has metadata.

    Example:
        >>> graph = nir.NIRGraph({"gain": nir.Scale(np.ones(2), metadata={"a": 1})}, [], type_check=False)
        >>> gathered(without_metadata(graph))
        {}
    """
    return _replaced(graph, "", {})


def _replaced(graph: nir.NIRGraph, where: str, metadata: dict[str, dict[str, Any]]) -> nir.NIRGraph:
    new = copy.copy(graph)
    new.metadata, new.nodes = metadata.get(where, {}), {}
    for name, node in graph.nodes.items():
        path = place(where, name)
        if isinstance(node, nir.NIRGraph):
            new.nodes[name] = _replaced(node, path, metadata)
        else:
            new.nodes[name] = copy.copy(node)
            new.nodes[name].metadata = metadata.get(path, {})
    return new


def sidecar_text(graph: nir.NIRGraph, content: bytes) -> str:
    """Return the text of a graph's sidecar.

    Returns:
        JSON: the metadata by path, and the SHA-256 of the file.
    """
    entries = {path: _to_json(metadata) for path, metadata in gathered(graph).items()}
    return json.dumps({"format": _FORMAT, "sha256": hashlib.sha256(content).hexdigest(), "metadata": entries}, indent=1)


def with_sidecar(
    graph: nir.NIRGraph, file: str | os.PathLike[str] | BinaryIO, sidecar: str | os.PathLike[str]
) -> nir.NIRGraph:
    """Return a copy of a graph with the metadata of a sidecar.

    Raises:
        OSError: If the sidecar cannot be opened.
        NIRError: ``NIR115`` if the sidecar is damaged or belongs to another file.
    """
    if os.stat(sidecar).st_size > _MAX_BYTES:
        raise refusal("NIR115", f"sidecar {os.fspath(sidecar)!r}", f"more than {_MAX_BYTES} bytes")
    here = f"sidecar {os.fspath(sidecar)!r}"
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
        check_metadata(metadata, f"{here}, {path!r}")
    return _replaced(graph, "", entries)


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


def check_name(name: Any, where: str) -> None:
    """Refuse a name that would change, or vanish, when it is read back.

    Raises:
        NIRError: ``NIR113`` for an empty name, ``"."``, one with ``/`` or a null character, or over 1024 bytes.

    Example:
        >>> check_name("a/b", "node")
        Traceback (most recent call last):
            ...
        snn_nir.codes.NIRError: NIR113: node: a name that a NIR file cannot hold: 'a/b'; ...
    """
    if not isinstance(name, str) or name in ("", ".") or "/" in name or "\0" in name or _size(name) > _MAX_NAME:
        raise refusal("NIR113", where, repr(name)[:80])


def check_metadata(value: Any, where: str) -> None:
    """Refuse metadata that would change when it is read back.

    Args:
        value: Text, a number, a bool, an array of numbers, a list of text or of numbers, or a dict of these.
        where: Owner of the metadata, for the error.

    Example:
        >>> check_metadata({"snn_nir": {"reset": "subtract", "beta": 0.9}}, "node 'lif'")
        >>> check_metadata({"note": None}, "node 'lif'")
        Traceback (most recent call last):
            ...
        snn_nir.codes.NIRError: NIR114: node 'lif', metadata 'note': metadata that a NIR file cannot hold: NoneType; ...
    """
    _check(value, f"{where}, metadata", 0)


def _check(value: Any, where: str, level: int) -> None:
    if isinstance(value, dict):
        if level > _MAX_LEVELS:
            raise refusal("NIR114", where, f"more than {_MAX_LEVELS} levels")
        for key, inner in value.items():
            check_name(key, where)
            _check(inner, f"{where} {key!r}", level + 1)
    elif isinstance(value, str):
        if "\0" in value or _size(value) == math.inf:
            raise refusal("NIR114", where, f"text with a null character or a lone surrogate: {value[:40]!r}")
    elif isinstance(value, (list, tuple)) and value and all(isinstance(entry, str) for entry in value):
        for entry in value:
            _check(entry, where, level)
    elif isinstance(value, (list, tuple, np.ndarray, np.generic, int, float)):
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError):
            raise refusal("NIR114", where, "a list of unequal parts") from None
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise refusal("NIR114", where, f"values of type {array.dtype}")
    else:
        raise refusal("NIR114", where, type(value).__name__)


def _size(text: str) -> float:
    """Return the number of bytes of a text, or infinity if it cannot be encoded."""
    try:
        return len(text.encode("utf8"))
    except UnicodeEncodeError:
        return math.inf
