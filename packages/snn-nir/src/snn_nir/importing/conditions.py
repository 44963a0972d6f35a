"""Conditions on a node of a graph, for rules about it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import nir
import numpy as np

from snn_nir.codes import NIRError
from snn_nir.graphs.node_shapes import output_shape


class Context(NamedTuple):
    """The surroundings of a node: its graph, and the time step in seconds."""

    graph: nir.NIRGraph
    dt: float
    closing: frozenset[tuple[str, str]]  # the edges that close a cycle
    nested: bool  # True if the graph is inside another


def _uneven(node: Any, *fields: str) -> bool:
    return any(np.unique(getattr(node, field)).size > 1 for field in fields if hasattr(node, field))


def _gain(node: Any, dt: float) -> np.ndarray:
    """Return what a step adds to the membrane for an input of 1."""
    tau = node.tau_mem if hasattr(node, "tau_mem") else getattr(node, "tau", 1.0)
    return node.r * dt / tau


def _ports(graph: nir.NIRGraph, kind: type) -> int:
    return sum(isinstance(node, kind) for node in graph.nodes.values())


def _nested_too_early(graph: nir.NIRGraph) -> bool:
    """Return True if a nested graph comes before a node that feeds it, in the order that starts at the first Input."""
    names = list(graph.nodes)
    first = next((number for number, name in enumerate(names) if isinstance(graph.nodes[name], nir.Input)), 0)
    place = {name: (number - first) % len(names) for number, name in enumerate(names)}
    nested = {name for name, node in graph.nodes.items() if isinstance(node, nir.NIRGraph)}
    return any(end in nested and place[start] >= place[end] for start, end in graph.edges)


def _unlike_square(node: Any) -> bool:
    """Return True if the height of the kernel, which nir uses for its width too, leads to another size."""
    if isinstance(node, nir.Conv1d) or node.padding == "same":
        return False
    square = copy.copy(node)
    square.weight = np.broadcast_to(0.0, (*node.weight.shape[:3], node.weight.shape[2]))
    try:
        result = output_shape(square, tuple(node.input_type["input"].tolist()), "")
    except NIRError:
        return True
    return not np.array_equal(result, node.output_type["output"])


CONDITIONS: dict[str, Callable[[Any, str, Context], bool]] = {
    "always": lambda node, name, at: True,
    "r is not 1": lambda node, name, at: not np.allclose(node.r, 1),
    "r is not 1 / dt": lambda node, name, at: not np.allclose(_gain(node, at.dt), 1),
    "r is neither 1 nor tau / dt": lambda node, name, at: (
        not (np.allclose(node.r, 1) or np.allclose(_gain(node, at.dt), 1))
    ),
    "r is not tau_mem / dt": lambda node, name, at: not np.allclose(_gain(node, at.dt), 1),
    "w_in is not tau_syn / dt": lambda node, name, at: not np.allclose(node.w_in * at.dt / node.tau_syn, 1),
    "uneven gain": lambda node, name, at: np.ptp(_gain(node, at.dt)) > 1e-6 * np.max(np.abs(_gain(node, at.dt))),
    "uneven threshold": lambda node, name, at: _uneven(node, "v_threshold"),
    "uneven parameters": lambda node, name, at: _uneven(
        node, "tau", "tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "v_reset", "w_in"
    ),
    "v_leak is not 0": lambda node, name, at: bool(np.any(node.v_leak)),
    "v_reset is not 0": lambda node, name, at: bool(np.any(node.v_reset)),
    "v_reset is not v_leak": lambda node, name, at: not np.array_equal(node.v_reset, node.v_leak),
    "it feeds another node": lambda node, name, at: any(
        start == name and not isinstance(at.graph.nodes[end], nir.Output) for start, end in at.graph.edges
    ),
    "several axes": lambda node, name, at: node.v_leak.ndim > 1,
    "several groups": lambda node, name, at: node.groups > 1,
    "padded": lambda node, name, at: bool(np.any(node.padding)),
    "its bias is fed back": lambda node, name, at: (
        any(start == name for start, _ in at.closing) and bool(np.any(node.bias))
    ),
    "a flat cycle": lambda node, name, at: bool(at.closing) and not at.nested,
    "a cycle around CubaLIF": lambda node, name, at: any(
        isinstance(at.graph.nodes[end], nir.CubaLIF) for edge in at.closing for end in edge
    ),
    "a nested graph before its source": lambda node, name, at: _nested_too_early(node),
    "it changes the shape": lambda node, name, at: (
        not np.array_equal(node.input_type["input"], node.output_type["output"])
    ),
    "nir infers another shape": lambda node, name, at: node.groups > 1 or _unlike_square(node),
    "several inputs": lambda node, name, at: _ports(node, nir.Input) > 1,
    "several outputs": lambda node, name, at: _ports(node, nir.Output) > 1,
}
