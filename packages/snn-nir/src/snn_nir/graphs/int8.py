"""Weights of a graph as 8-bit integers."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from snn_nir.codes import refusal
from snn_nir.graphs.metadata import KEY, read_metadata
from snn_nir.graphs.shapes import infer
from snn_nir.graphs.values import with_axes

_LARGEST = 127


def to_int8(graph: nir.NIRGraph) -> nir.NIRGraph:
    r"""Return a graph whose weights are int8, each row with a scale after it: :math:`W x + b = s\,(Q x + b / s)`.

    Every ``Linear``, ``Affine``, ``Conv1d`` and ``Conv2d`` becomes one with integers Q from -127 to 127, followed by a
    ``Scale`` by s, one value per row or output channel, named ``<name>.scale``. If the weights of a row are integers
    of that range times a power of two, s is that power and nothing is lost; otherwise s is the largest weight over 127
    and each weight is rounded. The largest error of a weight is in the metadata, ``rounding``.

    Args:
        graph: The graph, which does not change.

    Returns:
        The graph with int8 weights, also in nested graphs.

    Raises:
        NIRError: ``NIR207`` if a weight is NaN or infinite, and the errors of :func:`~snn_nir.infer`.

    Example:
        >>> graph = nir.NIRGraph.from_list(nir.Linear(np.array([[0.5, -0.25], [0.1, 1.27]], dtype=np.float32)))
        >>> small = to_int8(graph)
        >>> small.nodes["linear"].weight
        array([[ 64, -32],
               [ 10, 127]], dtype=int8)
        >>> small.nodes["linear.scale"].scale
        array([0.0078125, 0.01     ], dtype=float32)

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference
    (2018), section 2.
    """
    return _converted(infer(graph))


def _converted(graph: nir.NIRGraph) -> nir.NIRGraph:
    nodes: dict[str, Any] = {}
    moved: dict[str, str] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            nodes[name] = _converted(node)
        elif hasattr(node, "weight") and node.weight.dtype.kind == "f":
            moved[name] = _unused(f"{name}.scale", graph, nodes)
            nodes[name], nodes[moved[name]] = _split(name, node)
        else:
            nodes[name] = node
    edges = [(moved.get(start, start), end) for start, end in graph.edges] + list(moved.items())
    return infer(nir.NIRGraph(nodes, edges, metadata=graph.metadata, type_check=False))


def _split(name: str, node: Any) -> tuple[Any, nir.Scale]:
    """Return a node with its weights as integers, and the scale that follows it."""
    weight = node.weight.astype(np.float64)
    if not np.isfinite(weight).all():
        raise refusal("NIR207", f"node {name!r}", "weight")
    rows = weight if isinstance(node, nir.Linear | nir.Affine) else weight.reshape(len(weight), -1)
    steps = _steps(rows)  # [..., out], or one per output channel
    units = with_axes(steps, weight.ndim)
    integers = np.rint(weight / units)
    kept = {**read_metadata(node), "rounding": float(np.abs(integers * units - weight).max(initial=0.0))}
    fields = {n: v for n, v in vars(node).items() if n not in ("input_type", "output_type", "metadata", "weight")}
    if "bias" in fields:
        dtype = node.bias.dtype if node.bias.dtype.kind == "f" else node.weight.dtype
        fields["bias"] = (fields["bias"] / steps).astype(dtype)
    small = type(node)(weight=integers.astype(np.int8), **fields, metadata={**node.metadata, KEY: kept})
    shape = tuple(int(n) for n in node.output_type["output"])
    scale = np.broadcast_to(with_axes(steps, len(shape)), shape)
    return small, nir.Scale(scale.astype(node.weight.dtype))


def _steps(rows: np.ndarray) -> np.ndarray:
    """Return the value of one unit of each row's integers."""
    largest = np.abs(rows).max(-1, initial=0.0)
    largest = np.where(largest == 0, _LARGEST, largest)  # any unit will do for zeros: 1
    power = 2.0 ** np.ceil(np.log2(largest / _LARGEST))
    scaled = rows / power[..., None]
    on_grid = (scaled == np.rint(scaled)).all(-1)
    return np.where(on_grid, power, largest / _LARGEST)


def _unused(name: str, graph: nir.NIRGraph, nodes: dict[str, Any]) -> str:
    while name in graph.nodes or name in nodes:
        name += "_"
    return name
