"""Reading of untrusted NIR files."""

from __future__ import annotations

import os
import stat
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import nir
import numpy as np

from snn_nir.codes import NIRError, refusal
from snn_nir.files.hdf5_tree import Limits, Tree, read_tree
from snn_nir.files.sidecar import with_sidecar
from snn_nir.graphs.fields import PRIMITIVES, assembled, graph_at, place
from snn_nir.graphs.repairs import repaired

_DERIVED = ("input_type", "output_type")  # earlier versions of nir wrote these; the shapes are inferred again


def read(
    file: str | os.PathLike[str] | BinaryIO,
    *,
    limits: Limits | None = None,
    sidecar: str | os.PathLike[str] | None = None,
) -> nir.NIRGraph:
    """Read a NIR graph from a file.

    The file is not trusted: links and data that lead out of it, values that would take more memory than the file can
    account for, damaged data, NaN and time constants that are not positive are refused. Faults with exactly one
    possible repair are repaired, with an :class:`~snn_nir.codes.NIRWarning`.

    Args:
        file: Path of the file, or a seekable binary file.
        limits: Limits on what the file may use; the defaults of :class:`Limits` if None.
        sidecar: Path of the JSON file with metadata that ``write(..., compat="nir<=1.0.4")`` left beside the file.

    Returns:
        The graph, with the shape of every signal filled in. A file that contains a single node becomes a graph of that
        node between an Input and an Output.

    Raises:
        OSError: If the path cannot be opened.
        NIRError: If the file is refused; ``NIR1xx`` for the file, ``NIR2xx`` for the graph in it.

    Example:
        >>> import io, nir, numpy as np
        >>> file = io.BytesIO()
        >>> nir.write(file, nir.NIRGraph.from_list(nir.Linear(np.ones((2, 3))), nir.Threshold(np.ones(2))))
        >>> read(file).edges
        [('input', 'linear'), ('linear', 'threshold'), ('threshold', 'output')]

    Source: the format of nir 1.0.8 and before, https://neuroir.org/docs.
    """
    limits = Limits() if limits is None else limits
    with _stream(file) as stream:
        size = stream.seek(0, os.SEEK_END)
        if b"\x89HDF\r\n\x1a\n" not in _signatures(stream, size):
            raise refusal("NIR101", "file", f"{size} bytes without the signature of HDF5")
        try:
            with h5py.File(stream if stream is file else file, "r") as opened:
                tree = _root(opened, stream, size, limits)
        except NIRError:
            raise
        except (OSError, RuntimeError, ValueError, LookupError, TypeError, ArithmeticError) as error:
            raise refusal("NIR111", "file", f"{type(error).__name__}: {str(error)[:200]}") from None
    if tree.get("type") != "NIRGraph":
        tree = {"type": "NIRGraph", "nodes": {str(tree.get("type")).lower(): tree}, "edges": []}
    graph = _graph(tree, "")
    if sidecar is not None:
        graph = with_sidecar(graph, file, sidecar)
    return repaired(graph)


def _stream(file: Any) -> AbstractContextManager[BinaryIO]:
    if not isinstance(file, (str, os.PathLike)):
        return nullcontext(file)
    if not stat.S_ISREG(os.stat(file).st_mode):
        raise refusal("NIR101", f"file {os.fspath(file)!r}", "not a regular file")
    return Path(file).open("rb")


def _signatures(stream: BinaryIO, size: int) -> list[bytes]:
    """Return the bytes where HDF5 looks for its signature: at 0, and at 512, 1024, 2048, ... after a user block."""
    result, at = [], 0
    while at < size:
        stream.seek(at)
        result.append(stream.read(8))
        at = max(512, 2 * at)
    return result


def _root(opened: h5py.File, stream: BinaryIO, size: int, limits: Limits) -> Tree:
    link = opened.get("node", getlink=True) if "node" in opened else None
    if link is None:
        raise refusal("NIR102", "file", "no group 'node'")
    if not isinstance(link, h5py.HardLink):
        raise refusal("NIR103", "/node", "a soft or external link")
    node = opened["node"]
    if not isinstance(node, h5py.Group):
        raise refusal("NIR102", "/node", "expected a group, got data")
    return read_tree(node, stream, size, limits, "/node")


def _graph(tree: Tree, where: str) -> nir.NIRGraph:
    here = graph_at(where)
    unknown = tree.keys() - {"type", "nodes", "edges", "metadata", *_DERIVED}
    if unknown:
        raise refusal("NIR110", here, ", ".join(sorted(unknown)))
    for field, kind in (("nodes", dict), ("edges", (list, np.ndarray))):
        if field not in tree:
            raise refusal("NIR108", here, field)
        if not isinstance(tree[field], kind):
            raise refusal("NIR106", f"{here}, {field}", type(tree[field]).__name__)
    nodes = {name: _node(node, place(where, name)) for name, node in tree["nodes"].items()}
    graph: Any = object.__new__(nir.NIRGraph)
    graph.nodes, graph.edges, graph.metadata = nodes, _edges(tree["edges"], here), _metadata(tree, here)
    graph.input_type, graph.output_type = {}, {}
    return graph


def _edges(result: Any, here: str) -> list[tuple[str, str]]:
    if isinstance(result, np.ndarray):
        if result.size:
            raise refusal("NIR106", f"{here}, edges", f"numbers of shape {result.shape}")
        return []
    for edge in result:
        if not isinstance(edge, list) or len(edge) != 2 or not all(isinstance(end, str) for end in edge):
            raise refusal("NIR106", f"{here}, edges", f"expected a pair of names, got {str(edge)[:80]}")
    return [(start, end) for start, end in result]


def _metadata(tree: Tree, here: str) -> dict[str, Any]:
    metadata = tree.get("metadata", {})
    if not isinstance(metadata, dict):
        raise refusal("NIR106", f"{here}, metadata", f"expected a group, got {type(metadata).__name__}")
    return {key: _plain(value) for key, value in metadata.items()}


def _plain(value: Any) -> Any:
    """Return metadata as it was before it was written: Python's own numbers where HDF5 returns NumPy's."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value.item() if isinstance(value, (np.bool_, np.int64, np.float64)) else value


def _node(tree: Any, where: str) -> nir.NIRNode:
    here = f"node {where!r}"
    name = tree.get("type") if isinstance(tree, dict) else None
    if not isinstance(name, str):
        raise refusal("NIR108", here, "type")
    if name == "NIRGraph":
        return _graph(tree, where)
    if name not in PRIMITIVES:
        raise refusal("NIR109", here, repr(name[:80]), f"use one of {', '.join(PRIMITIVES)}")
    known = PRIMITIVES[name]
    unknown = tree.keys() - known.keys() - {"type", "metadata", *_DERIVED}
    if unknown:
        raise refusal("NIR110", here, ", ".join(sorted(unknown)))
    fields = {}
    for field, (kind, optional) in known.items():
        if field in tree:
            fields[field] = _value(tree[field], kind, f"{here}, {field}")
        elif not optional:
            raise refusal("NIR108", here, field)
        elif kind == "shape":
            fields[field] = None
    if "v_reset" in known and "v_reset" not in fields:
        fields["v_reset"] = np.zeros_like(fields["v_threshold"])
    if "w_in" in known and "w_in" not in fields:
        fields["w_in"] = np.ones_like(fields["v_leak"])
    return assembled(name, fields, _metadata(tree, here))


def _value(value: Any, kind: str, here: str) -> Any:
    if isinstance(value, str) and kind == "padding":
        return value
    if not isinstance(value, (np.ndarray, np.generic)):
        raise refusal("NIR106", here, "text" if isinstance(value, (str, list)) else "a group")
    return np.asarray(value) if kind == "values" else value
