"""Metadata of a graph beyond NIR: the neuron that each node comes from, and exact numbers where its fields are rounded.

A graph runs without any of it. The metadata makes an import exact (the decays themselves are stored, not time
constants), restores what NIR cannot express (surrogate gradients, learned constants, shared weights), and joins the
nodes that were one module. It is stored under the key ``snn_nir`` of ``node.metadata`` and ``graph.metadata``:

| of a graph | |
|---|---|
| ``version``, ``framework`` | of the writer |
| ``dt``, ``time_unit``, ``method`` | step, ``"s"``, ``"euler"`` or ``"exact"``: how decays became time constants |
| ``dtype`` | ``"float32"``: of the network's parameters |

| of a node | |
|---|---|
| ``class`` | name of the module: ``"Leaky"``, ``"Linear"`` |
| ``group``, ``part`` | for a neuron that became several nodes: its name, and which part this node is |
| ``reset``, ``reset_delay`` | ``"subtract"``, ``"zero"``, ``"none"``; bool |
| ``alpha``, ``beta``, ``threshold``, ``R``, ``C``, ``time_step``, ``graded``, ``V`` | constants as float64, in the |
| | shape that the module has: a float is a constant common to all neurons |
| ``learned`` | names of constants that are parameters, separated by blanks |
| ``derived`` | of a ``Lapicque`` that learns ``beta``: ``"R"`` or ``"C"``, which follows from it |
| ``spike_grad``, ``spike_grad_params`` | name of the surrogate in ``snn_core.surrogate``, and its numbers |
| ``shared_with`` | ``{field: node}``: the field is the same parameter as that field of the other node |
| ``lost`` | options that NIR cannot express and the export was told to leave out, one per line |

| part | |
|---|---|
| ``neuron`` | current, membrane, threshold and reset in one node: LIF, CubaLIF, IF |
| ``syn`` | synaptic current: LI |
| ``mem`` | membrane without reset: LI, CubaLI or I; its output is the membrane before the reset of the step |
| ``exc``, ``inh`` | excitatory and inhibitory current of Alpha: LI |
| ``spk`` | Threshold of the membrane |
| ``reset`` | Scale from the spikes back to the membrane: reset by subtraction, one step later |
| ``lowered`` | Scale of the spikes, added to the membrane where the network returns it after a reset at once |
| ``graded`` | Scale of the spikes, by the graded factor |
| ``w_rec`` | recurrent weights: Linear, Affine, Conv2d, or Scale for one to one |

A neuron's constants are on the node that holds its membrane; its other nodes have ``class``, ``group`` and ``part``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor

from snn_core.surrogate import Surrogate
from snn_nir._version import __version__
from snn_nir.graphs.fields import place, walk
from snn_nir.graphs.values import array_of

KEY = "snn_nir"


def node_metadata(**entries: Any) -> dict[str, Any]:
    """Return metadata of a node, from the entries above, in a form that a NIR file can store.

    Tensors become float64 arrays, or floats if they have no axes; an entry that is None is left out.
    """
    return {KEY: {name: _storable(value) for name, value in entries.items() if value is not None}}


def surrogate_entries(grad: Any) -> dict[str, Any]:
    """Return the entries about a surrogate gradient; none for a user's own function, which a file cannot store."""
    if not (isinstance(grad, Surrogate) and type(grad).__module__.startswith("snn_core.surrogate")):
        return {}
    return {"spike_grad": type(grad).__name__, "spike_grad_params": np.array(grad.params) if grad.params else None}


def graph_metadata(dt: float, method: str, dtype: str) -> dict[str, Any]:
    """Return metadata of a graph."""
    return node_metadata(version=__version__, framework="snn", dt=dt, time_unit="s", method=method, dtype=dtype)


def read_metadata(node: Any) -> dict[str, Any]:
    """Return the stored entries, in whatever form a file returns them; none if the node has no entries of ours.

    Text becomes str, truth values bool, numbers int or float; arrays stay as they are.
    """
    entries = (getattr(node, "metadata", None) or {}).get(KEY)
    return _plain(entries) if isinstance(entries, Mapping) else {}


def gathered(graph: nir.NIRGraph) -> dict[str, dict[str, Any]]:
    """Return the metadata of a graph and its nodes, by path; the graph's own is under ``""``."""
    return {path: node.metadata for path, node in walk(graph) if node.metadata}


def with_metadata(graph: nir.NIRGraph, metadata: Mapping[str, dict[str, Any]], where: str = "") -> nir.NIRGraph:
    """Return a copy of a graph in which it and its nodes have this metadata, by path, and no other."""
    new = copy.copy(graph)
    new.metadata, new.nodes = metadata.get(where, {}), {}
    for name, node in graph.nodes.items():
        path = place(where, name)
        if isinstance(node, nir.NIRGraph):
            new.nodes[name] = with_metadata(node, metadata, path)
        else:
            new.nodes[name] = copy.copy(node)
            new.nodes[name].metadata = metadata.get(path, {})
    return new


def _storable(value: Any) -> Any:
    if isinstance(value, Tensor):
        value = array_of(value, torch.float64)
    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        return value.item()  # a file compresses arrays, which is not possible without axes
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_plain(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        return _plain(value.item())
    return value
