"""NIR files, written completely or not at all."""

from __future__ import annotations

import io
import os
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import nir
import numpy as np

from snn_core.files.whole_file import whole_file
from snn_nir.codes import announce, refusal
from snn_nir.files.sidecar import check_metadata, check_name, gathered, sidecar_text, without_metadata
from snn_nir.graphs.fields import graph_at, missing_ports, node_fields, place, type_name, walk
from snn_nir.graphs.shapes import infer
from snn_nir.graphs.values import check_values

COMPAT = "nir<=1.0.4"


def write(graph: nir.NIRGraph, file: str | os.PathLike[str] | BinaryIO, *, compat: str | None = None) -> None:
    """Write a graph to a NIR file.

    The graph is checked first, so that it can be read back from the file; an existing file is replaced by a complete
    one or stays as it is. Types of numbers and the order of nodes are kept.

    Args:
        graph: The graph, which does not change.
        file: Path, or a binary file to write to.
        compat: ``"nir<=1.0.4"`` for a file that nir up to 1.0.4 can read, which the tools of some chips need:
            without ``v_reset`` and metadata. Metadata goes to a JSON file of the same name with ``.json`` at the end,
            which ``read(..., sidecar=...)`` takes.

    Raises:
        TypeError: If ``graph`` is not a graph.
        OSError: If the file cannot be written.
        NIRError: ``NIR113`` to ``NIR117`` for anything that a file cannot hold, ``NIR2xx`` if the graph is not valid.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> write(nir.NIRGraph.from_list(nir.Linear(np.ones((2, 3))), nir.Threshold(np.ones(2))), file)
        >>> list(nir.read(file).nodes)
        ['input', 'linear', 'threshold', 'output']

    Source: the format of nir 1.0.8, https://neuroir.org/docs.
    """
    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(f"write takes a graph (nir.NIRGraph) and then a path, got {type(graph).__name__} as the graph")
    if compat not in (None, COMPAT):
        raise refusal("NIR116", "compat", repr(compat))
    whole = infer(graph)
    check_values(whole)
    check_storable(whole)
    held = whole
    if compat is not None:
        check_older_format(whole)
        held = without_metadata(whole)
    content = _content(held, compat)
    if not isinstance(file, (str, os.PathLike)):
        if held is not whole and gathered(whole):
            raise refusal("NIR117", "graph", "metadata, and no path for its sidecar", "write to a path")
        file.write(content)
        return
    path = Path(file)
    with whole_file(path) as stream:
        stream.write(content)
    if held is not whole and gathered(whole):
        with whole_file(path.with_name(f"{path.name}.json")) as stream:
            stream.write(sidecar_text(whole, content).encode())


def check_storable(graph: nir.NIRGraph, where: str = "") -> None:
    """Refuse names, metadata and graphs that a file cannot hold, in a graph that ``infer`` returned."""
    for error in missing_ports(graph, where):
        raise error
    here = graph_at(where)
    check_metadata(graph.metadata, here)
    for (start, end), count in Counter(graph.edges).items():
        if count > 1:
            remedy = "each counts, but nir.read refuses the file: a Scale on one of them has the same effect"
            announce("NIR210", f"{here}, edge {start!r} -> {end!r}", f"{count} edges", remedy, stacklevel=3)
    for name, node in graph.nodes.items():
        check_name(name, f"{here}, node")
        if isinstance(node, nir.NIRGraph):
            check_storable(node, place(where, name))
        else:
            check_metadata(node.metadata, f"node {place(where, name)!r}")


def check_older_format(graph: nir.NIRGraph) -> None:
    """Refuse what nir up to 1.0.4 cannot express.

    Raises:
        NIRError: ``NIR117`` for a reset other than to 0, and for CubaLI.
    """
    for path, node in walk(graph):
        if isinstance(node, nir.CubaLI):
            raise refusal("NIR117", f"node {path!r}", "CubaLI, which came with nir 1.0.5", "use two LI nodes")
        if np.any(getattr(node, "v_reset", 0)):
            raise refusal("NIR117", f"node {path!r}", "v_reset other than 0, which came with nir 1.0.6")


def _content(graph: nir.NIRGraph, compat: str | None) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as opened:
        version = nir.version if compat is None else "1.0.4"
        opened.create_dataset("version", data=version, dtype=h5py.string_dtype())
        _put_graph(opened.create_group("node"), graph, compat)
    return buffer.getvalue()


def _put_graph(group: h5py.Group, graph: nir.NIRGraph, compat: str | None) -> None:
    _put(group, "type", "NIRGraph")
    nodes = group.create_group("nodes", track_order=True)
    for name, node in graph.nodes.items():
        entry = nodes.create_group(name)
        if isinstance(node, nir.NIRGraph):
            _put_graph(entry, node, compat)
            continue
        _put(entry, "type", type_name(node, name))
        for field, value in node_fields(node, name).items():
            if value is not None and not (compat is not None and field == "v_reset"):
                _put(entry, field, value)
        _put_metadata(entry, node.metadata)
    edges = np.array(graph.edges, dtype=object).reshape(-1, 2)
    group.create_dataset("edges", data=edges, dtype=h5py.string_dtype())
    _put_metadata(group, graph.metadata)


def _put_metadata(group: h5py.Group, metadata: dict[str, Any]) -> None:
    if metadata:
        _put(group, "metadata", metadata)


def _put(group: h5py.Group, name: str, value: Any) -> None:
    if isinstance(value, dict):
        inner = group.create_group(name)
        for key, entry in value.items():
            _put(inner, key, entry)
    elif isinstance(value, str) or (isinstance(value, (list, tuple)) and value and isinstance(value[0], str)):
        group.create_dataset(name, data=value, dtype=h5py.string_dtype())
    else:
        array = np.asarray(value)
        group.create_dataset(name, data=array, compression="gzip" if array.ndim and array.size else None)
