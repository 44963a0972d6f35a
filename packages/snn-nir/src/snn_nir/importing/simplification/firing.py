"""LIF, IF and CubaLIF as neurons of snn-core."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from snn_nir.codes import warn_caller
from snn_nir.graphs.metadata import read_metadata
from snn_nir.importing.building import Scheme
from snn_nir.importing.recorded import constant, firing_options, learned
from snn_nir.importing.simplification.draft import Draft
from snn_nir.importing.simplification.leak import Leak, is_one, leak_of, within_unit
from snn_nir.importing.simplification.unit import Unit


def firing_unit(draft: Draft, name: str, scheme: Scheme) -> Unit | None:
    """Return the neuron that a LIF, IF or CubaLIF is, if it is one.

    Returns:
        The neuron, or None: if the membrane rests or is reset at another potential than 0, a decay is not within
        [0, 1], or a current is scaled on its way to the membrane.
    """
    node: Any = draft.nodes[name]
    text, options = read_metadata(node), firing_options(name, node, scheme.reset)
    if np.any(getattr(node, "v_leak", 0.0)) or (options["reset_mechanism"] == "zero" and np.any(node.v_reset)):
        return None
    constants: dict[str, np.ndarray] = {}
    cuba = isinstance(node, nir.CubaLIF)
    leak = leak_of(node, scheme.step, "tau_mem" if cuba else "tau")
    if not within_unit(leak.decay, scheme.dtype):
        return None
    gain, kind = leak.gain, ""
    if cuba:
        current = leak_of(node, scheme.step, "tau_syn", "w_in")
        if not within_unit(current.decay, scheme.dtype) or not is_one(leak.gain, scheme.dtype):
            return None
        constants["alpha"], gain = constant(name, node, "alpha", current.decay), current.gain
    circuit = circuit_of(name, node, leak)
    if circuit is None:
        constants["beta"] = constant(name, node, "beta", leak.decay)
    else:
        constants, gain, kind = circuit, np.ones_like(gain), "Lapicque"
    constants["threshold"] = constant(name, node, "threshold", np.asarray(node.v_threshold, dtype=np.float64))
    return Unit(
        name=str(text.get("group", name)),
        entry=name,
        mem=name,
        spk=name,
        members={name},
        constants=constants,
        gain=None if is_one(gain, scheme.dtype) else gain,
        reset=options["reset_mechanism"],
        reset_delay=options["reset_delay"],
        spike_grad=options["spike_grad"],
        learned=learned(node),
        outlets={name: 0},
        kind=kind,
    )


def circuit_of(name: str, node: Any, leak: Leak) -> dict[str, np.ndarray] | None:
    """Return R, C and time step of a recorded ``Lapicque``, if the node's fields agree with them; else warn.

    In that case it returns None.
    """
    metadata = read_metadata(node)
    if metadata.get("class") != "Lapicque" or not {"R", "C", "time_step"} <= metadata.keys():
        return None
    circuit = {key: np.asarray(metadata[key], dtype=np.float64) for key in ("R", "C", "time_step")}
    gain = circuit["time_step"] / circuit["C"]
    agrees = all(
        np.allclose(np.broadcast_to(recorded, own.shape), own, rtol=1e-5, atol=1e-5)
        for recorded, own in ((1 - gain / circuit["R"], leak.decay), (gain, leak.gain))
        if recorded.ndim <= own.ndim
    )
    if not agrees:
        warn_caller("NIR304", f"node {name!r}", "R, C and time step of a Lapicque")
    return circuit if agrees else None
