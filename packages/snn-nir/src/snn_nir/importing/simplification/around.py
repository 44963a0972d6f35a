"""The parts of a neuron before and after its membrane: current, graded spikes, recurrence."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from snn_core.neuron.recurrence import OneToOne
from snn_nir.graphs.metadata import read_metadata
from snn_nir.importing.building import Scheme, build
from snn_nir.importing.recorded import constant, learned
from snn_nir.importing.simplification.draft import Draft
from snn_nir.importing.simplification.leak import is_one, leak_of, within_unit
from snn_nir.importing.simplification.unit import Unit


def with_current(draft: Draft, unit: Unit, scheme: Scheme) -> Unit:
    """Return a neuron with the LI before it that its metadata calls its synaptic current, if there is one."""
    sources = draft.sources(unit.entry)
    outside = [s for s in sources if s not in unit.members]
    if unit.gain is not None or unit.kind or "alpha" in unit.constants or len(outside) != 1:
        return unit
    (syn,) = outside
    node: Any = draft.nodes.get(syn)
    if (
        not isinstance(node, nir.LI | nir.I)
        or not _is_part(draft, syn, unit, "syn")
        or np.any(getattr(node, "v_leak", 0.0))
    ):
        return unit
    current = leak_of(node, scheme.step)
    if not within_unit(current.decay, scheme.dtype):
        return unit
    main = draft.nodes[unit.mem]
    unit.constants["alpha"] = constant(unit.mem, main, "alpha", current.decay)
    unit.gain = None if is_one(current.gain, scheme.dtype) else current.gain
    unit.entry = syn
    unit.members.add(syn)
    unit.feeds.add(syn)
    if draft.readers(syn) != [unit.mem]:
        unit.outlets[syn] = -2
    return unit


def with_graded(draft: Draft, unit: Unit) -> Unit:
    """Return a neuron with the Scale after its spikes that its metadata calls their graded factor, if there is one."""
    outside = [r for r in draft.readers(unit.spk) if r not in unit.members]
    graded = outside[0] if len(outside) == 1 else ""
    node: Any = draft.nodes.get(graded)
    if (
        not isinstance(node, nir.Scale)
        or not _is_part(draft, graded, unit, "graded")
        or len(draft.sources(graded)) != 1
    ):
        return unit
    main = draft.nodes[unit.mem]
    factor = constant(unit.mem, main, "graded", np.asarray(node.scale, dtype=np.float64))
    unit.constants["graded_spikes_factor"] = factor
    unit.members.add(graded)
    unit.outlets.pop(unit.spk, None)
    unit.outlets[graded] = 0
    unit.spk = graded
    return unit


def with_recurrence(draft: Draft, unit: Unit, scheme: Scheme) -> tuple[Unit, str]:
    """Return a neuron with the weights from its spikes to its input, and the name of their node, or an empty name."""
    if unit.gain is not None or unit.kind or not unit.spk:
        return unit, ""
    kinds = nir.Linear, nir.Affine, nir.Conv2d, nir.Scale
    results = [
        w
        for w in draft.of_type(draft.readers(unit.spk), *kinds)
        if draft.sources(w) == [unit.spk] and draft.readers(w) == [unit.entry] and w not in unit.members
    ]
    if len(results) != 1 or not set(draft.sources(unit.entry)) - unit.members - set(results):
        return unit, ""
    (w_rec,) = results
    layer = _recurrent_layer(draft, unit, w_rec, scheme)
    if layer is None:
        return unit, ""
    unit.recurrent = layer
    unit.members.add(w_rec)
    unit.feeds.add(w_rec)
    if not [r for r in draft.readers(unit.spk) if r not in unit.members] and len(unit.outlets) > 1:
        unit.outlets.pop(unit.spk, None)
    return unit, w_rec


def _recurrent_layer(draft: Draft, unit: Unit, name: str, scheme: Scheme) -> nn.Module | None:
    """Return the layer of recurrent weights in the form of snn-core, or None if there is no such form."""
    node: Any = draft.nodes[name]
    diagonal = None
    if isinstance(node, nir.Scale):
        diagonal = np.asarray(node.scale)
    elif type(node) is nir.Linear and np.array_equal(node.weight, np.diag(np.diag(node.weight))):
        diagonal = np.diag(node.weight)
    if diagonal is not None:
        main = draft.nodes[unit.mem]
        metadata = read_metadata(main)
        own = np.asarray(diagonal, dtype=np.float64)
        weights = constant(unit.mem, main, "V", own) if "V" in metadata else own
        learn = "V" in learned(main) if "V" in metadata else True
        return OneToOne(torch.tensor(weights, dtype=scheme.dtype), learn)
    layer: Any = build(name, node, scheme)
    if isinstance(layer, nn.Conv2d):
        same = all(p == k // 2 and k % 2 for p, k in zip(_padding(layer), layer.kernel_size, strict=True))
        plain = layer.stride == layer.dilation == (1, 1) and layer.groups == 1
        return layer if same and plain and layer.in_channels == layer.out_channels else None
    return layer if isinstance(layer, nn.Linear) and layer.in_features == layer.out_features else None


def _padding(layer: nn.Conv2d) -> tuple[int, ...]:
    if isinstance(layer.padding, str):
        return tuple(k // 2 for k in layer.kernel_size) if layer.padding == "same" else (0, 0)
    return tuple(layer.padding)


def _is_part(draft: Draft, name: str, unit: Unit, part: str) -> bool:
    return read_metadata(draft.nodes[name]).get("part") == part and draft.group(name) == unit.name
