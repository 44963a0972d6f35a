"""The parts of a neuron before and after its membrane: current, graded spikes, recurrence."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from snn_core.neuron import OneToOne
from snn_nir.graphs.metadata import read_metadata
from snn_nir.importing.building import Scheme, build
from snn_nir.importing.recorded import constant, learned
from snn_nir.importing.simplification.draft import Draft
from snn_nir.importing.simplification.leak import is_one, leak_of, within_unit
from snn_nir.importing.simplification.unit import Unit


def add_current(draft: Draft, unit: Unit, scheme: Scheme) -> None:
    """Add to a neuron the LI or I before it that the metadata calls its synaptic current, if there is one."""
    outside = [s for s in draft.sources(unit.entry) if s not in unit.members]
    if unit.gain is not None or unit.kind or "alpha" in unit.constants or len(outside) != 1:
        return
    (syn,) = outside
    if not _is_part(draft, syn, unit, "syn", nir.LI, nir.I) or np.any(getattr(draft.nodes[syn], "v_leak", 0.0)):
        return
    current = leak_of(draft.nodes[syn], scheme.step)
    if not within_unit(current.decay, scheme.dtype):
        return
    unit.constants["alpha"] = constant(unit.mem, draft.nodes[unit.mem], "alpha", current.decay)
    unit.gain = None if is_one(current.gain, scheme.dtype) else current.gain
    unit.entry = syn
    unit.members.add(syn)
    unit.feeds.add(syn)
    unit.ports[syn] = -2


def add_graded(draft: Draft, unit: Unit) -> None:
    """Add to a neuron the Scale after its spikes that the metadata calls their graded factor, if there is one."""
    outside = [r for r in draft.readers(unit.spk) if r not in unit.members]
    graded = outside[0] if len(outside) == 1 else ""
    if not _is_part(draft, graded, unit, "graded", nir.Scale) or len(draft.sources(graded)) != 1:
        return
    factor = constant(unit.mem, draft.nodes[unit.mem], "graded", draft.values(graded, "scale"))
    unit.constants["graded_spikes_factor"] = factor
    unit.members.add(graded)
    del unit.ports[unit.spk]
    unit.ports[graded] = 0
    unit.spk = graded


def add_recurrence(draft: Draft, unit: Unit, scheme: Scheme) -> str:
    """Add to a neuron the weights from its spikes to its input; return the name of their node, empty if none."""
    if unit.gain is not None or unit.kind or not unit.spk:
        return ""
    kinds = nir.Linear, nir.Affine, nir.Conv2d, nir.Scale
    results = [
        w
        for w in draft.of_type(draft.readers(unit.spk), *kinds)
        if draft.sources(w) == [unit.spk] and draft.readers(w) == [unit.entry] and w not in unit.members
    ]
    if len(results) != 1 or not set(draft.sources(unit.entry)) - unit.members - set(results):
        return ""
    (w_rec,) = results
    unit.recurrent = _recurrent_layer(draft, unit, w_rec, scheme)
    if unit.recurrent is None:
        return ""
    unit.members.add(w_rec)
    unit.feeds.add(w_rec)
    return w_rec


def _recurrent_layer(draft: Draft, unit: Unit, name: str, scheme: Scheme) -> nn.Module | None:
    """Return the layer of recurrent weights in the form of snn-core, or None if there is no such form."""
    node: Any = draft.nodes[name]
    diagonal = None
    if isinstance(node, nir.Scale):
        diagonal = draft.values(name, "scale")
    elif type(node) is nir.Linear and node.weight.ndim == 2:
        weights = draft.values(name, "weight")
        diagonal = np.diag(weights) if np.array_equal(weights, np.diag(np.diag(weights))) else None
    if diagonal is not None:
        main = draft.nodes[unit.mem]
        recorded = "V" in read_metadata(main)
        values = constant(unit.mem, main, "V", diagonal) if recorded else diagonal
        return OneToOne(torch.tensor(values, dtype=scheme.dtype), not recorded or "V" in learned(main))
    layer: Any = build(name, node, scheme)
    if isinstance(layer, nn.Conv2d):
        half = tuple(k // 2 for k in layer.kernel_size)
        centered = layer.padding in ("same", half) or (layer.padding, half) == ("valid", (0, 0))
        same = centered and all(k % 2 for k in layer.kernel_size)
        plain = layer.stride == layer.dilation == (1, 1) and layer.groups == 1
        return layer if same and plain and layer.in_channels == layer.out_channels else None
    return layer if isinstance(layer, nn.Linear) and layer.in_features == layer.out_features else None


def _is_part(draft: Draft, name: str, unit: Unit, part: str, *kinds: type) -> bool:
    """Return True if a node of these types is recorded as that part of a neuron."""
    node = draft.nodes.get(name)
    return isinstance(node, kinds) and read_metadata(node).get("part") == part and draft.group(name) == unit.name
