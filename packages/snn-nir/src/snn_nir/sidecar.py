"""Metadata kept beside a file whose format has no place for it."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import nir
import numpy as np

from snn_nir.codes import refusal
from snn_nir.fields import place
from snn_nir.stored_metadata import check_metadata

__all__ = ["gathered", "sidecar_text", "with_sidecar", "without_metadata"]

_FORMAT = "snn-nir sidecar 1"
_MAX_BYTES = 2**26


def gathered(graph: nir.NIRGraph, where: str = "") -> dict[str, dict[str, Any]]:
    """The metadata of a graph and its nodes, by path; that of the graph itself under ``""``.

    Args:
        graph: The graph.
        where: Its own path, if it is nested.

    Returns:
        Path -> metadata, where there is any.

    Example:
        >>> gathered(nir.NIRGraph({"gain": nir.Scale(np.ones(2), metadata={"a": 1})}, [], type_check=False))
        {'gain': {'a': 1}}
    """
    found = {where: graph.metadata} if graph.metadata else {}
    for name, node in graph.nodes.items():
        path = place(where, name)
        if isinstance(node, nir.NIRGraph):
            found |= gathered(node, path)
        elif node.metadata:
            found[path] = node.metadata
    return found


def without_metadata(graph: nir.NIRGraph) -> nir.NIRGraph:
    """A copy of a graph in which nothing has metadata.

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
    """The text of a graph's sidecar.

    Args:
        graph: The graph.
        content: The bytes of the file that the sidecar belongs to.

    Returns:
        JSON: the metadata by path, and the SHA-256 of the file.
    """
    entries = {path: _to_json(metadata) for path, metadata in gathered(graph).items()}
    return json.dumps({"format": _FORMAT, "sha256": hashlib.sha256(content).hexdigest(), "metadata": entries}, indent=1)


def with_sidecar(
    graph: nir.NIRGraph, file: str | os.PathLike[str] | BinaryIO, sidecar: str | os.PathLike[str]
) -> nir.NIRGraph:
    """A copy of a graph with the metadata of a sidecar.

    Args:
        graph: The graph that was read from the file.
        file: The file.
        sidecar: Path of the sidecar.

    Returns:
        The copy; its own metadata is replaced.

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
    unknown = entries.keys() - _paths(graph, "")
    if unknown or not all(isinstance(metadata, dict) for metadata in entries.values()):
        raise refusal("NIR115", here, f"no such nodes: {', '.join(sorted(unknown))[:80]}")
    for path, metadata in entries.items():
        check_metadata(metadata, f"{here}, {path!r}")
    return _replaced(graph, "", entries)


def _paths(graph: nir.NIRGraph, where: str) -> set[str]:
    found = {where}
    for name, node in graph.nodes.items():
        path = place(where, name)
        found |= _paths(node, path) if isinstance(node, nir.NIRGraph) else {path}
    return found


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
