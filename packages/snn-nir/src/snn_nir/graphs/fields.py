"""The fields of every NIR primitive, in one table for reading, checking, writing and comparing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import nir

from snn_nir.codes import NIRError, refusal

MAX_DEPTH = 32  # levels of nested graphs


class Field(NamedTuple):
    """One field of a primitive.

    Its kind is ``values`` for real numbers, one per neuron or weight; ``whole`` for a whole number, or one per axis;
    ``padding`` for whole numbers or ``'same'``/``'valid'``; ``shape`` for the sizes of a signal.
    """

    kind: str
    optional: bool = False  # True if a file may leave it out


_VALUES, _WHOLE, _PADDING = Field("values"), Field("whole"), Field("padding")
_LATER = Field("values", optional=True)  # a field that was added to the format after its node
_HINT = Field("shape", optional=True)


def _values(names: str, *later: str) -> dict[str, Field]:
    return dict.fromkeys(names.split(), _VALUES) | dict.fromkeys(later, _LATER)


_CONVOLUTION = {"input_shape": _HINT, "weight": _VALUES, "stride": _WHOLE, "padding": _PADDING, "dilation": _WHOLE}
_CONVOLUTION |= {"groups": _WHOLE, "bias": _VALUES}
_POOL = {"kernel_size": _WHOLE, "stride": _WHOLE, "padding": _WHOLE}

PRIMITIVES: dict[str, dict[str, Field]] = {
    "Input": {"shape": _HINT},
    "Output": {"shape": _HINT},
    "Affine": _values("weight bias"),
    "Linear": _values("weight"),
    "Scale": _values("scale"),
    "Conv1d": _CONVOLUTION,
    "Conv2d": _CONVOLUTION,
    "SumPool2d": _POOL,
    "AvgPool2d": _POOL,
    "Flatten": {"input_type": _HINT, "start_dim": _WHOLE, "end_dim": _WHOLE},
    "Threshold": _values("threshold"),
    "Delay": _values("delay"),
    "I": _values("r"),
    "IF": _values("r v_threshold", "v_reset"),
    "LI": _values("tau r v_leak"),
    "LIF": _values("tau r v_leak v_threshold", "v_reset"),
    "CubaLI": _values("tau_syn tau_mem r v_leak", "w_in"),
    "CubaLIF": _values("tau_syn tau_mem r v_leak v_threshold", "v_reset", "w_in"),
}

# every field is one number per neuron, and the shape of the fields is that of the layer
NEURONS = frozenset({"Scale", "Threshold", "Delay", "I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"})

STATEFUL = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF, nir.Delay)


def place(where: str, name: str) -> str:
    """Return the path of a node inside a graph, as in ``outer/lif``."""
    return f"{where}/{name}" if where else name


def walk(graph: nir.NIRGraph, where: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield a graph and all nodes in it and in graphs nested in it, each with its path, ``""`` for the graph itself."""
    check_depth(where, depth)
    yield where, graph
    for name, node in graph.nodes.items():
        path = place(where, name)
        if isinstance(node, nir.NIRGraph):
            yield from walk(node, path, depth + 1)
        else:
            yield path, node


def check_depth(where: str, depth: int) -> None:
    """Refuse graphs that are nested too deeply, or in themselves."""
    if depth > MAX_DEPTH:
        raise refusal("NIR107", graph_at(where), f"more than {MAX_DEPTH} levels")


def graph_at(where: str) -> str:
    """Return the name that messages use for the graph at a path."""
    return f"graph {where!r}" if where else "graph"


def missing_ports(graph: nir.NIRGraph, where: str) -> Iterator[NIRError]:
    """Yield an error for a graph without an Input, and one for a graph without an Output."""
    for kind in (nir.Input, nir.Output):
        if not any(isinstance(node, kind) for node in graph.nodes.values()):
            yield refusal("NIR203", graph_at(where), f"{len(graph.nodes)} nodes, no {kind.__name__}")


def repeated_edges(graph: nir.NIRGraph, where: str) -> Iterator[tuple[str, str]]:
    """Yield the place and the count of every edge that a graph has more than once."""
    for (start, end), count in Counter((start, end) for start, end in graph.edges).items():
        if count > 1:
            yield f"{graph_at(where)}, edge {start!r} -> {end!r}", f"{count} edges"


def type_name(node: nir.NIRNode, where: str) -> str:
    """Return the name of a node's primitive."""
    for name in PRIMITIVES:
        if isinstance(node, getattr(nir, name)):
            return name
    raise refusal("NIR109", f"node {where!r}", type(node).__name__)


def node_fields(node: nir.NIRNode, where: str) -> dict[str, Any]:
    """Return the fields of a node as the file names them, in the table's order; None for an unknown shape."""
    name = type_name(node, where)
    if name == "Input":
        return {"shape": _port(node.input_type, "input")}
    if name == "Output":
        return {"shape": _port(node.output_type, "output")}
    fields = {field: getattr(node, field) for field in PRIMITIVES[name]}
    return fields | {"input_type": _port(node.input_type, "input")} if name == "Flatten" else fields


def assembled(name: str, fields: dict[str, Any], metadata: dict[str, Any]) -> nir.NIRNode:
    """Return a node with these fields, unchanged.

    The constructors of nir assert, broadcast and compute shapes (wrong ones for grouped convolutions); a node from
    a file is checked first and gets its shapes from :func:`snn_nir.graphs.shapes.infer`.
    """
    node: Any = object.__new__(getattr(nir, name))
    node.input_type, node.output_type, node.metadata = {"input": None}, {"output": None}, metadata
    for field, value in fields.items():
        if field in ("shape", "input_type"):
            node.input_type = {"input": value}
            node.output_type = {"output": value if field == "shape" else None}
        else:
            setattr(node, field, value)
    return node


def _port(types: Any, key: str) -> Any:
    return types.get(key) if isinstance(types, dict) else types
