"""The primitives with a membrane as neurons of snn-core, with the Threshold and the Scale around LI, I and CubaLI."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import torch

from snn_nir.graphs.metadata import read_metadata
from snn_nir.importing.building import Scheme
from snn_nir.importing.recorded import constant, firing_options, learned, surrogate_of
from snn_nir.importing.simplification.draft import Draft
from snn_nir.importing.simplification.leak import Recursion, near, recursion_of
from snn_nir.importing.simplification.unit import Unit


def firing_unit(draft: Draft, name: str, scheme: Scheme) -> Unit | None:
    """Return the neuron to which a LIF, IF or CubaLIF is equivalent, if there is one.

    There is none if :func:`recursion_of` returns None, or if the node resets to a potential other than 0.
    """
    node: Any = draft.nodes[name]
    options = firing_options(name, node, scheme.reset)
    if options["reset_mechanism"] == "zero" and np.any(node.v_reset):
        return None
    recursion = recursion_of(name, node, scheme)
    if recursion is None:
        return None
    unit = _unit(draft, name, recursion)
    unit.constants["threshold"] = constant(name, node, "threshold", draft.values(name, "v_threshold"))
    unit.spk, unit.ports = name, {name: 0}
    unit.reset, unit.reset_delay = options["reset_mechanism"], options["reset_delay"]
    unit.spike_grad = options["spike_grad"]
    return unit


def membrane_unit(draft: Draft, name: str, scheme: Scheme, fires: bool) -> Unit | None:
    """Return the neuron that has an LI, I or CubaLI as its membrane, and a threshold if ``fires``, if there is one.

    There is none if :func:`recursion_of` returns None, or if others read a membrane that the neuron's reset would have
    changed.
    """
    node: Any = draft.nodes[name]
    spk = _threshold(draft, name)
    recursion = recursion_of(name, node, scheme) if bool(spk) == fires else None
    if recursion is None:
        return None
    unit = _unit(draft, name, recursion)
    if not fires:
        return unit
    threshold = draft.values(spk, "threshold")
    if (threshold < 0).any():
        return None  # it fires at rest, and an edge that closes a cycle would carry that spike into the first step
    unit.spk = spk
    unit.ports[spk] = 0
    unit.members.add(spk)
    unit.constants["threshold"] = constant(spk, node, "threshold", threshold)
    recorded = spk if "spike_grad" in read_metadata(draft.nodes[spk]) else name
    unit.spike_grad = surrogate_of(recorded, draft.nodes[recorded])
    if not isinstance(node, nir.CubaLI):
        _add_reset(draft, unit, recursion, threshold, scheme.dtype)
    others = sorted(r for r in draft.readers(name) if r not in unit.members)
    if unit.reset == "subtract" and not unit.reset_delay and others:
        lowered = _lowered(draft, unit, others, threshold, scheme.dtype)
        if not lowered:
            return None
        unit.members.add(lowered)
    return unit


def _unit(draft: Draft, name: str, recursion: Recursion) -> Unit:
    return Unit(
        name=draft.group(name),
        entry=name,
        mem=name,
        members={name},
        constants=recursion.constants,
        gain=recursion.scale,
        learned=learned(draft.nodes[name]),
        ports={name: -1},
        kind=recursion.kind,
    )


def _threshold(draft: Draft, name: str) -> str:
    """Return the one Threshold that reads a node and nothing else, or an empty name."""
    results = [t for t in draft.of_type(draft.readers(name), nir.Threshold) if draft.sources(t) == [name]]
    return results[0] if len(results) == 1 else ""


def _add_reset(draft: Draft, unit: Unit, recursion: Recursion, threshold: np.ndarray, dtype: torch.dtype) -> None:
    """Add the Scale from the spikes to the membrane that subtracts the threshold, a step later or at once."""
    for name in draft.of_type(draft.readers(unit.spk), nir.Scale):
        if draft.sources(name) != [unit.spk] or draft.readers(name) != [unit.mem]:
            continue
        lowers = -recursion.gain * draft.values(name, "scale")
        delayed = near(lowers, threshold, dtype)
        at_once = near(lowers, recursion.decay * threshold, dtype, scale=threshold)
        if delayed and at_once:
            delayed = bool(read_metadata(draft.nodes[unit.mem]).get("reset_delay", True))
        if delayed or at_once:
            unit.members.add(name)
            unit.feeds.add(name)
            unit.reset, unit.reset_delay = "subtract", delayed
            return


def _lowered(draft: Draft, unit: Unit, others: list[str], threshold: np.ndarray, dtype: torch.dtype) -> str:
    """Return the Scale of the spikes by the negative threshold that goes wherever the membrane goes."""
    for name in draft.of_type(draft.readers(unit.spk), nir.Scale):
        scale = draft.values(name, "scale")
        alone = draft.sources(name) == [unit.spk] and name not in unit.members
        if alone and sorted(draft.readers(name)) == others and near(-scale, threshold, dtype):
            return name
    return ""
