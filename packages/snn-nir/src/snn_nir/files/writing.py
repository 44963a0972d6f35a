"""NIR files, written completely or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import nir
import numpy as np

from snn_core.files import whole_file
from snn_nir.codes import NIRError, announce, refusal
from snn_nir.files.sidecar import bad_metadata, bad_names, sidecar_text
from snn_nir.graphs.fields import graph_at, missing_ports, node_fields, repeated_edges, type_name, walk
from snn_nir.graphs.metadata import gathered, with_metadata
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
        NIRError: ``NIR113`` to ``NIR117`` for anything that a file cannot store, ``NIR2xx`` if the graph is not valid.

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
    for error in chain(unstorable(whole), () if compat is None else newer(whole)):
        raise error
    for path, node in walk(whole):
        for edge, problem in repeated_edges(node, path) if isinstance(node, nir.NIRGraph) else ():
            remedy = "each counts, but nir.read refuses the file: a Scale on one of them has the same effect"
            announce("NIR210", edge, problem, remedy)
    beside = compat is not None and bool(gathered(whole))  # its metadata goes to a separate file
    content = _content(whole if compat is None else with_metadata(whole, {}), compat)
    if not isinstance(file, (str, os.PathLike)):
        if beside:
            raise refusal("NIR117", "graph", "metadata, and no path for its sidecar", "write to a path")
        file.write(content)
        return
    path = Path(file)
    with whole_file(path) as stream:
        stream.write(content)
    if beside:
        with whole_file(path.with_name(f"{path.name}.json")) as stream:
            stream.write(sidecar_text(whole, content).encode())


def unstorable(graph: nir.NIRGraph) -> Iterator[NIRError]:
    """Yield the errors of graphs without ports, and of names and metadata that a file cannot store."""
    for path, node in walk(graph):
        is_graph = isinstance(node, nir.NIRGraph)
        here = graph_at(path) if is_graph else f"node {path!r}"
        if is_graph:
            yield from missing_ports(node, path)
            for name in node.nodes:
                yield from bad_names(name, f"{here}, node")
        yield from bad_metadata(getattr(node, "metadata", None) or {}, here)


def newer(graph: nir.NIRGraph) -> Iterator[NIRError]:
    """Yield the errors of nodes that nir up to 1.0.4 cannot express: a reset other than to 0, and CubaLI."""
    for path, node in walk(graph):
        if isinstance(node, nir.CubaLI):
            yield refusal("NIR117", f"node {path!r}", "CubaLI, which came with nir 1.0.5", "use two LI nodes")
        elif np.any(getattr(node, "v_reset", 0)):
            yield refusal("NIR117", f"node {path!r}", "v_reset other than 0, which came with nir 1.0.6")


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
