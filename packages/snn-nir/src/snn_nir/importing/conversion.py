"""The conversion of a NIR graph or file to a module."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import nir
import numpy as np
import torch
from torch import nn

from snn_core.neuron import OneToOne
from snn_nir.codes import announce, refusal
from snn_nir.files.reading import read
from snn_nir.graphs.flattening import flattened
from snn_nir.graphs.metadata import read_metadata
from snn_nir.graphs.repairs import repaired
from snn_nir.importing.building import Scheme, build
from snn_nir.importing.recorded import RESETS
from snn_nir.importing.simplification.draft import Draft
from snn_nir.importing.simplification.simplifying import simplified
from snn_nir.importing.time_step import time_step as find_time_step
from snn_nir.running.graph_module import GraphModule


def from_nir(
    graph_or_path: nir.NIRGraph | str | os.PathLike[str] | BinaryIO,
    *,
    dt: float | None = None,
    method: str | None = None,
    time_unit: str = "s",
    reset: str | None = None,
    simplify: bool = True,
) -> GraphModule:
    """Make a module from a NIR graph.

    Every primitive runs as it is, with its parameters per neuron. A step integrates, fires where v > v_threshold, and
    resets in the same step; states start at 0. If a node, or a group of nodes, is provably a neuron of snn-core, that
    neuron replaces them and runs with its fused kernels: ``Leaky``, ``Synaptic``, ``RLeaky``, ``RSynaptic``,
    ``Readout``; ``Lapicque`` and ``Alpha`` if the metadata says so.

    The network is float64 if all its weights are, else float32; a network without weights accepts both.

    Args:
        graph_or_path: The graph, which is not changed, or a file or its path.
        dt: Time step in seconds. When None: as recorded by snn-nir, else as the parameters imply, else assumed
            with a warning.
        method: ``"euler"`` or ``"exact"``, how time constants become decays per step. When None: as recorded, else
            ``"euler"``.
        time_unit: Unit of the graph's time constants, which NIR does not specify: ``"s"``, ``"ms"``, or ``"step"`` (of
            ``dt=1``).
        reset: Effect of a spike on the membrane of every ``LIF``, ``IF`` and ``CubaLIF``, ``"zero"``, ``"subtract"`` or
            ``"none"``, for graphs that were trained with a reset other than NIR's and do not say so. When None: as
            recorded, else to ``v_reset``. Other nodes have no reset of their own.
        simplify: Use neurons of snn-core where they are equivalent. When False: one module for each node, which
            :func:`to_nir` writes as that node again, in the nested graph that it came from.

    Returns:
        The module: batch first for one time step, time first under ``unroll``.

    Raises:
        NIRError: If the graph is refused; ``.code`` says why.
        ValueError: If ``dt``, ``method`` or ``time_unit`` is out of range.
        TypeError: If ``graph_or_path`` is not a graph, a file or a path.

    Example:
        >>> one = np.ones(1, dtype=np.float32)
        >>> lif = nir.LIF(tau=1e-3 * one, r=10 * one, v_leak=0 * one, v_threshold=one)
        >>> net = from_nir(nir.NIRGraph.from_list(nir.Linear(np.full((1, 2), 0.5, np.float32)), lif))
        >>> net["lif"]
        Leaky(beta=0.9, threshold=1, reset_mechanism='zero', ...)
        >>> import snn_core as snn
        >>> snn.unroll(net, torch.ones(3, 1, 2)).flatten().tolist()
        [0.0, 1.0, 0.0]

    Source: Pedersen et al., Neuromorphic intermediate representation: a unified instruction set for interoperable
    brain-inspired computing, Nature Communications 15 (2024).
    """
    if reset is not None and reset not in RESETS:
        raise refusal("NIR305", "from_nir", f"reset is {reset!r}")
    if isinstance(graph_or_path, nir.NIRGraph):
        graph = repaired(graph_or_path)
    elif isinstance(graph_or_path, str | os.PathLike) or hasattr(graph_or_path, "read"):
        graph = read(graph_or_path)
    else:
        raise TypeError(f"from_nir takes a nir.NIRGraph, a file or a path, got {type(graph_or_path).__name__}")
    flat = flattened(graph)
    metadata = read_metadata(graph)
    step = find_time_step(flat.nodes, metadata, dt=dt, method=method, time_unit=time_unit)
    scheme = Scheme(step, _dtype(flat.nodes.values(), metadata), reset)
    shapes = {}
    for name, node in flat.nodes.items():
        if node.output_type["output"] is None:
            raise refusal("NIR209", f"node {name!r}", "no edge names it, and its shape is unknown")
        shapes[name] = tuple(int(n) for n in node.output_type["output"])
    draft = simplified(flat, scheme) if simplify else Draft(flat)
    modules = {**draft.modules, **{name: build(name, node, scheme) for name, node in draft.nodes.items()}}
    share(flat.nodes, {**modules, **draft.absorbed})
    modules |= dict.fromkeys(draft.taps)
    ends = [(name, place.kind) for name, place in flat.places.items() if not place.graphs]
    inputs, outputs = ([name for name, kind in ends if kind == port] for port in ("Input", "Output"))
    places = None if simplify else flat.places
    return GraphModule(modules, draft.edges, inputs, outputs, shapes | draft.shapes, step, draft.taps, places)


def _dtype(nodes: Iterable[Any], record: dict[str, Any]) -> torch.dtype:
    """Return the recorded dtype; without one, float64 if all weights, or else all values of neurons, are float64."""
    for recorded in (torch.float32, torch.float64):
        if f"torch.{record.get('dtype')}" == str(recorded):
            return recorded
    arrays = [(f, v.dtype) for node in nodes for f, v in vars(node).items() if isinstance(v, np.ndarray)]
    floats = [(field, dtype) for field, dtype in arrays if dtype.kind == "f"]
    decisive = {dtype for field, dtype in floats if field in ("weight", "scale")} or {dtype for _, dtype in floats}
    return torch.float64 if decisive == {np.dtype(np.float64)} else torch.float32


def share(nodes: Mapping[str, Any], modules: Mapping[str, nn.Module | None]) -> None:
    """Merge parameters of modules, by node name, that were one shared parameter when the graph was exported.

    Values that differ now stay separate, with a warning.
    """
    for name, node in nodes.items():
        tied = read_metadata(node).get("shared_with")
        for field, other in tied.items() if isinstance(tied, Mapping) else ():
            own, twin = modules.get(name), modules.get(str(other))
            mine, theirs = _parameter(own, str(field)), _parameter(twin, str(field))
            if mine is None or theirs is None:
                continue
            if own is not None and mine.shape == theirs.shape and bool((mine == theirs).all()):
                setattr(own, "V" if isinstance(own, OneToOne) else str(field), theirs)
            else:
                announce("NIR304", f"node {name!r}", f"{field} was shared with node {other!r} and now differs")


def _parameter(module: nn.Module | None, field: str) -> nn.Parameter | None:
    value = getattr(module, "V" if isinstance(module, OneToOne) else field, None)
    return value if isinstance(value, nn.Parameter) else None
