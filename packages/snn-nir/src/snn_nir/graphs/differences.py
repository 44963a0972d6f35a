"""The differences of two graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import nir
import numpy as np

from snn_nir.graphs.fields import check_depth, node_fields, place, type_name
from snn_nir.graphs.values import as_array


class Difference(NamedTuple):
    """One difference.

    Attributes:
        where: Path of the node, the edge or the graph (``""``).
        what: Field, or ``"node"``, ``"edges"``, ``"type"``, ``"metadata"``.
        text: What the first graph contains there, and what the second does.
    """

    where: str
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.where or 'graph'}: {self.what}: {self.text}"


def diff(first: nir.NIRGraph, second: nir.NIRGraph) -> list[Difference]:
    """Compare two graphs, to the last bit.

    0.0 and -0.0 differ, although no spike depends on the sign; NaN equals NaN. The order of nodes and edges does not
    matter, but that of axes does; shapes that follow from the other fields, or are not known, do not matter either.

    Args:
        first: A graph.
        second: Another graph.

    Returns:
        The differences by node, in the order of the first graph; empty if the graphs are equal.

    Raises:
        NIRError: ``NIR107`` for graphs nested in themselves, or too deeply.

    Example:
        >>> graphs = [nir.NIRGraph.from_list(nir.Scale(np.array([1.0, gain]))) for gain in (2.0, 2.5)]
        >>> for difference in diff(*graphs):
        ...     print(difference)
        scale: scale: 1 of 2 values differ, by up to 0.5
    """
    return list(_graphs(first, second, "", 0))


def _graphs(first: nir.NIRGraph, second: nir.NIRGraph, where: str, depth: int) -> Iterator[Difference]:
    check_depth(where, depth)
    for name in first.nodes | second.nodes:
        path = place(where, name)
        if name not in second.nodes or name not in first.nodes:
            yield Difference(path, "node", f"only in the {'second' if name in second.nodes else 'first'}")
        else:
            yield from _nodes(first.nodes[name], second.nodes[name], path, depth)
    edges = [Counter((start, end) for start, end in graph.edges) for graph in (first, second)]
    for side, more in (("first", edges[0] - edges[1]), ("second", edges[1] - edges[0])):
        for (start, end), count in sorted(more.items()):
            times = "" if count == 1 else f", {count} times"
            yield Difference(where, "edges", f"{start!r} -> {end!r} only in the {side}{times}")
    yield from _metadata(first, second, where)


def _nodes(first: nir.NIRNode, second: nir.NIRNode, path: str, depth: int) -> Iterator[Difference]:
    if isinstance(first, nir.NIRGraph) and isinstance(second, nir.NIRGraph):
        yield from _graphs(first, second, path, depth + 1)
        return
    kinds = ["NIRGraph" if isinstance(node, nir.NIRGraph) else type_name(node, path) for node in (first, second)]
    if kinds[0] != kinds[1]:
        yield Difference(path, "type", f"{kinds[0]} and {kinds[1]}")
        return
    other = node_fields(second, path)
    for field, value in node_fields(first, path).items():
        if field in ("input_shape", "input_type") or (field == "shape" and (value is None or other[field] is None)):
            continue
        text = _unequal(value, other[field])
        if text is not None:
            yield Difference(path, field, text)
    yield from _metadata(first, second, path)


def _metadata(first: Any, second: Any, path: str) -> Iterator[Difference]:
    a, b = (_flat(node.metadata if isinstance(node.metadata, dict) else {}, ()) for node in (first, second))
    for key in a | b:
        if key not in a or key not in b:
            text = f"only in the {'second' if key in b else 'first'}"
        else:
            text = _unequal(a[key], b[key])
        if text is not None:
            yield Difference(path, "metadata", f"{'/'.join(key)}: {text}")


def _flat(entries: dict[str, Any], above: tuple[str, ...]) -> dict[tuple[str, ...], Any]:
    flat: dict[tuple[str, ...], Any] = {}
    for key, value in entries.items():
        flat |= _flat(value, (*above, key)) if isinstance(value, dict) else {(*above, key): value}
    return flat


def _unequal(first: Any, second: Any) -> str | None:
    a, b = as_array(first), as_array(second)
    if a.shape != b.shape:
        return f"shapes {list(a.shape)} and {list(b.shape)}"
    if a.dtype.kind not in "biuf" or b.dtype.kind not in "biuf":
        return None if np.array_equal(a, b) else f"{first!r} and {second!r}"[:200]
    if a.dtype != b.dtype and a.ndim:
        return f"types {a.dtype} and {b.dtype}"
    unequal = ((a != b) | (np.signbit(a) != np.signbit(b))) & ~((a != a) & (b != b))
    if not unequal.any():
        return None
    if not a.ndim:
        return f"{a} and {b}"
    a, b, count = a[unequal], b[unequal], f"{int(unequal.sum())} of {a.size} values differ"
    if (a == b).all():
        return f"{count} in the sign of 0"
    return f"{count}, by up to {np.abs(a.astype(float) - b.astype(float)).max():g}"
