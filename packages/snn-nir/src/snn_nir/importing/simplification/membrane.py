"""LI, I and CubaLI as neurons of snn-core, with the Threshold that reads them and the Scale that resets them."""

from __future__ import annotations

from typing import Any, NamedTuple

import nir
import numpy as np
import torch

from snn_nir.graphs.metadata import read_metadata
from snn_nir.importing.building import Scheme
from snn_nir.importing.recorded import constant, learned, surrogate_of
from snn_nir.importing.simplification.draft import Draft
from snn_nir.importing.simplification.leak import near, recursion_of
from snn_nir.importing.simplification.unit import Unit


class _Reset(NamedTuple):
    """The Scale that leads from spikes back to the membrane."""

    name: str
    delayed: bool


def membrane_unit(draft: Draft, name: str, scheme: Scheme, fires: bool) -> Unit | None:
    """Return the neuron whose membrane an LI, I or CubaLI is, if there is one.

    Args:
        draft: The graph.
        name: The node.
        scheme: Time step and dtype.
        fires: True to look for a neuron with a threshold, False for one without.

    Returns:
        The neuron, or None: as for ``firing_unit``; also if others read a
        membrane that the neuron's reset would have changed.
    """
    node: Any = draft.nodes[name]
    spk = _threshold(draft, name)
    if bool(spk) != fires or np.any(getattr(node, "v_leak", 0.0)):
        return None
    recursion = recursion_of(name, node, scheme)
    if recursion is None:
        return None
    unit = Unit(
        name=draft.group(name),
        entry=name,
        mem=name,
        spk=spk,
        members={name},
        constants=recursion.constants,
        gain=recursion.scale,
        learned=learned(node),
        kind=recursion.kind,
    )
    if not fires:
        unit.outlets = {name: -1}
        return unit
    threshold = draft.values(spk, "threshold")
    if (threshold < 0).any():
        return None  # it fires at rest, and an edge that closes a cycle would carry that spike into the first step
    unit.constants["threshold"] = constant(spk, node, "threshold", threshold)
    recorded = spk if "spike_grad" in read_metadata(draft.nodes[spk]) else name
    unit.spike_grad = surrogate_of(recorded, draft.nodes[recorded])
    unit.members.add(spk)
    cuba = isinstance(node, nir.CubaLI)
    reset = None if cuba else _reset(draft, name, spk, recursion.decay, recursion.gain, threshold, scheme.dtype)
    if reset is not None:
        unit.members.add(reset.name)
        unit.feeds.add(reset.name)
        unit.reset, unit.reset_delay = "subtract", reset.delayed
    return _with_outlets(draft, unit, threshold, scheme.dtype)


def _threshold(draft: Draft, name: str) -> str:
    """Return the one Threshold that reads a node and nothing else, or an empty name."""
    results = [t for t in draft.of_type(draft.readers(name), nir.Threshold) if draft.sources(t) == [name]]
    return results[0] if len(results) == 1 else ""


def _reset(
    draft: Draft,
    mem: str,
    spk: str,
    decay: np.ndarray,
    gain: np.ndarray,
    threshold: np.ndarray,
    dtype: torch.dtype,
) -> _Reset | None:
    """Return the Scale from the spikes to the membrane that subtracts the threshold, a step later or at once."""
    for name in draft.of_type(draft.readers(spk), nir.Scale):
        if draft.sources(name) != [spk] or draft.readers(name) != [mem]:
            continue
        lowers = -gain * draft.values(name, "scale")
        delayed = near(lowers, threshold, dtype)
        at_once = near(lowers, decay * threshold, dtype, scale=threshold)
        if delayed and at_once:
            delayed = bool(read_metadata(draft.nodes[mem]).get("reset_delay", True))
        if delayed or at_once:
            return _Reset(name, delayed)
    return None


def _with_outlets(draft: Draft, unit: Unit, threshold: np.ndarray, dtype: torch.dtype) -> Unit | None:
    """Return the unit with the values that others read; None if the neuron does not have them."""
    if set(draft.readers(unit.spk)) - unit.members or not draft.readers(unit.spk):
        unit.outlets[unit.spk] = 0
    others = sorted(r for r in draft.readers(unit.mem) if r not in unit.members)
    if unit.reset == "subtract" and not unit.reset_delay and others:
        lowered = _lowered(draft, unit, others, threshold, dtype)
        if not lowered:
            return None
        unit.members.add(lowered)
        if not set(draft.readers(unit.spk)) - unit.members:
            unit.outlets.pop(unit.spk, None)
    if others:
        unit.outlets[unit.mem] = -1
    return unit


def _lowered(draft: Draft, unit: Unit, others: list[str], threshold: np.ndarray, dtype: torch.dtype) -> str:
    """Return the Scale of the spikes by the negative threshold that goes wherever the membrane goes."""
    for name in draft.of_type(draft.readers(unit.spk), nir.Scale):
        scale = draft.values(name, "scale")
        alone = draft.sources(name) == [unit.spk] and name not in unit.members
        if alone and sorted(draft.readers(name)) == others and near(-scale, threshold, dtype):
            return name
    return ""
