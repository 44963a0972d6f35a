"""From a NIR graph or file to a module."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, BinaryIO

import nir
import numpy as np
import torch
from torch import nn

from snn_nir.building import Scheme, build
from snn_nir.flattening import flattened
from snn_nir.graph_module import GraphModule
from snn_nir.metadata import read_metadata
from snn_nir.reading import read
from snn_nir.repairs import repaired
from snn_nir.sharing import share
from snn_nir.simplification import simplified
from snn_nir.time_step import time_step as find_time_step

__all__ = ["from_nir"]


def from_nir(
    graph_or_path: nir.NIRGraph | str | os.PathLike[str] | BinaryIO,
    *,
    dt: float | None = None,
    method: str | None = None,
    time_unit: str = "s",
    reset: str | None = None,
    simplify: bool = True,
) -> GraphModule:
    """Make a module of a NIR graph.

    Every primitive runs as it is, with its parameters per neuron. The step is: integrate, fire where v > v_threshold,
    reset in the same step; states start at 0. Where a node, or a few of them, are provably a neuron of snn-core, that
    neuron stands in their place, and runs through its fused kernels: ``Leaky``, ``Synaptic``, ``RLeaky``,
    ``RSynaptic``; ``Lapicque`` and ``Alpha`` where the metadata says so.

    The network is float64 if all its weights are, else float32; a network without weights takes both.

    Args:
        graph_or_path: The graph, which is not changed, or a file or its path.
        dt: Time step in seconds. When None: as recorded by us, else as the parameters say, else assumed with a warning.
        method: ``"euler"`` or ``"exact"``, how time constants become decays per step. When None: as recorded, else
            ``"euler"``.
        time_unit: Unit of the graph's time constants, which NIR leaves open: ``"s"``, ``"ms"``, or ``"step"`` (of
            ``dt=1``).
        reset: What a spike does to the membrane of every spiking neuron, ``"zero"``, ``"subtract"`` or ``"none"``, for
            graphs that were trained with another reset than NIR's and do not say so. When None: as recorded, else to
            ``v_reset``.
        simplify: Put neurons of snn-core where they are the same. When False: one module for each node, which
            :func:`to_nir` writes as that node again, in the nested graph that it came from.

    Returns:
        The module: batch first for one time step, time first under ``unroll``.

    Raises:
        NIRError: If the graph is refused; ``.code`` says why.
        ValueError: If ``dt``, ``method`` or ``time_unit`` is out of range.
        TypeError: If it is neither a graph nor a path.

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
    if isinstance(graph_or_path, nir.NIRGraph):
        graph = repaired(graph_or_path, stacklevel=2)
    elif isinstance(graph_or_path, str | os.PathLike) or hasattr(graph_or_path, "read"):
        graph = read(graph_or_path)
    else:
        raise TypeError(f"from_nir takes a nir.NIRGraph or a path, got {type(graph_or_path).__name__}")
    flat = flattened(graph)
    said = read_metadata(graph)
    step = find_time_step(flat.nodes, said, dt=dt, method=method, time_unit=time_unit)
    scheme = Scheme(step, _dtype(flat.nodes.values(), said), reset)
    plan = simplified(flat, scheme) if simplify else None
    nodes, edges = (flat.nodes, flat.edges) if plan is None else (plan.nodes, plan.edges)
    modules: dict[str, nn.Module | None] = {} if plan is None else dict(plan.modules)
    for name, node in nodes.items():
        modules[name] = build(name, node, scheme)
    share(flat.nodes, modules if plan is None else {**modules, **plan.absorbed})
    ports = {kind: [n for n, node in graph.nodes.items() if isinstance(node, kind)] for kind in (nir.Input, nir.Output)}
    shapes = {name: tuple(int(n) for n in node.output_type["output"]) for name, node in flat.nodes.items()}
    if plan is not None:
        shapes |= plan.shapes
        modules |= dict.fromkeys(plan.taps)
    taps = None if plan is None else plan.taps
    places = flat.places if plan is None else None
    return GraphModule(modules, edges, ports[nir.Input], ports[nir.Output], shapes, step, taps, places)


def _dtype(nodes: Iterable[Any], said: dict[str, Any]) -> torch.dtype:
    """float64 where all weights are; of a network without weights, where all that neurons hold is."""
    for recorded in (torch.float32, torch.float64):
        if f"torch.{said.get('dtype')}" == str(recorded):
            return recorded
    weights: list[np.dtype] = []
    others: list[np.dtype] = []
    for node in nodes:
        for field, value in vars(node).items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                (weights if field in ("weight", "scale") else others).append(value.dtype)
    decisive = weights or others
    return torch.float64 if decisive and all(d == np.float64 for d in decisive) else torch.float32
