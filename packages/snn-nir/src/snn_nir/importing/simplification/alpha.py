"""Two leaky integrators and a Threshold as the neuron Alpha."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from snn_nir.codes import announce
from snn_nir.graphs.metadata import read_metadata
from snn_nir.importing.building import Scheme
from snn_nir.importing.recorded import agree, learned, numbers, surrogate_of
from snn_nir.importing.simplification.draft import Draft
from snn_nir.importing.simplification.leak import leak_of
from snn_nir.importing.simplification.unit import Unit

_PARTS = {"exc": nir.LI, "inh": nir.LI, "spk": nir.Threshold, "reset": nir.Scale, "lowered": nir.Scale}


def alpha_unit(draft: Draft, name: str, scheme: Scheme) -> Unit | None:
    """Return the ``Alpha`` with this node as its excitatory current, if one is recorded and the nodes match it."""
    node: Any = draft.nodes[name]
    metadata = read_metadata(node)
    if metadata.get("class") != "Alpha" or not {"alpha", "beta", "threshold"} <= metadata.keys():
        return None
    parts = _parts(draft, draft.group(name))
    if parts.get("exc") != name or not {"inh", "spk"} <= parts.keys():
        return None
    alpha, beta, threshold = numbers(*(metadata[key] for key in ("alpha", "beta", "threshold")))
    with np.errstate(divide="ignore", invalid="ignore"):  # a beta of 0 leaves a tau of 1, and a negative one NaN
        tau = np.log(alpha) / (np.log(beta) - np.log(alpha)) + 1
    exc, inh = (leak_of(draft.nodes[parts[part]], scheme.step) for part in ("exc", "inh"))
    pairs = [(tau, exc.gain), (-tau, inh.gain), (threshold, draft.values(parts["spk"], "threshold"))]
    delay, reset = bool(metadata.get("reset_delay", True)), str(metadata.get("reset", "none"))
    if reset == "subtract":
        amount = (1.0 if delay else alpha) * threshold / tau
        pairs.append((-amount, draft.values(parts["reset"], "scale") if "reset" in parts else 0 * exc.decay))
    decays = agree(alpha, exc.decay, decays=True) and agree(beta, inh.decay, decays=True)
    if not (decays and all(agree(recorded, own) for recorded, own in pairs)):
        announce("NIR304", f"node {name!r}", "the constants of an Alpha")
        return None
    # no NIR node does a reset to zero
    if reset == "zero" or not _are_connected(draft, parts, reset == "subtract" and not delay):
        return None
    return Unit(
        name=draft.group(name),
        entry=name,
        mem=name,
        spk=parts["spk"],
        members=set(parts.values()),
        feeds={parts["reset"]} if "reset" in parts else set(),
        constants={"alpha": alpha, "beta": beta, "threshold": threshold},
        reset=reset,
        reset_delay=delay,
        spike_grad=surrogate_of(name, node),
        learned=learned(node),
        ports={parts["spk"]: 0, name: -1},
        kind="Alpha",
    )


def _parts(draft: Draft, group: str) -> dict[str, str]:
    """Return the nodes of a group by their part, without the Scale of graded spikes."""
    results = {}
    for name, node in draft.nodes.items():
        part = str(read_metadata(node).get("part"))
        if isinstance(node, _PARTS.get(part, ())) and draft.group(name) == group:
            results[part] = name
    return results


def _are_connected(draft: Draft, parts: dict[str, str], at_once: bool) -> bool:
    """Return True if nodes are connected as those of a neuron, and others read only its spikes and its membrane."""
    exc, inh, spk = parts["exc"], parts["inh"], parts["spk"]
    own = set(parts.values())

    def outside(names: list[str]) -> list[str]:
        return sorted(n for n in names if n not in own)

    back = [parts["reset"]] if "reset" in parts else []
    others = outside(draft.readers(exc))
    membranes = [inh, *([parts["lowered"]] if "lowered" in parts else [])]
    return (
        outside(draft.sources(exc)) == sorted(draft.sources(inh))
        and [s for s in draft.sources(exc) if s in own] == back
        and sorted(draft.sources(spk)) == sorted([exc, inh])
        and all(draft.sources(parts[p]) == [spk] for p in ("reset", "lowered") if p in parts)
        and all(draft.readers(name) == [exc] for name in back)
        and all(outside(draft.readers(name)) == others for name in membranes)
        and not (at_once and others and "lowered" not in parts)
    )
