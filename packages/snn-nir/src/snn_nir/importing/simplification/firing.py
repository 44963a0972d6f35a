"""LIF, IF and CubaLIF as neurons of snn-core."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn_nir.importing.building import Scheme
from snn_nir.importing.recorded import constant, firing_options, learned
from snn_nir.importing.simplification.draft import Draft
from snn_nir.importing.simplification.leak import recursion_of
from snn_nir.importing.simplification.unit import Unit


def firing_unit(draft: Draft, name: str, scheme: Scheme) -> Unit | None:
    """Return the neuron to which a LIF, IF or CubaLIF is equivalent, if there is one.

    Returns:
        The neuron, or None if the membrane rests at or is reset to a potential other than 0, a decay is not within
        [0, 1], or a current is scaled on its way to the membrane.
    """
    node: Any = draft.nodes[name]
    options = firing_options(name, node, scheme.reset)
    if np.any(getattr(node, "v_leak", 0.0)) or (options["reset_mechanism"] == "zero" and np.any(node.v_reset)):
        return None
    recursion = recursion_of(name, node, scheme)
    if recursion is None:
        return None
    threshold = constant(name, node, "threshold", np.asarray(node.v_threshold, dtype=np.float64))
    return Unit(
        name=draft.group(name),
        entry=name,
        mem=name,
        spk=name,
        members={name},
        constants={**recursion.constants, "threshold": threshold},
        gain=recursion.scale,
        reset=options["reset_mechanism"],
        reset_delay=options["reset_delay"],
        spike_grad=options["spike_grad"],
        learned=learned(node),
        outlets={name: 0},
        kind=recursion.kind,
    )
