"""Leaky membranes to NIR: one node where they reset to zero, several where NIR has no word for their reset."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from snn_nir.exporting.decays import Leak
from snn_nir.exporting.drawing import Signal
from snn_nir.exporting.neurons import Neuron, Ports


def draw_membrane(
    neuron: Neuron, signal: Signal, leak: Leak, *, gain: np.ndarray | float = 1.0, syn: Leak | None = None
) -> tuple[Ports, str]:
    r"""Draw :math:`U' = d\,U + g\,x`, its threshold and its reset, behind a synaptic current if it has one.

    - zero: ``LIF`` or ``CubaLIF``;
    - none: ``LI`` or ``CubaLI`` -> ``Threshold``;
    - subtract: ``LI`` -> ``Threshold`` -> ``Scale`` -> ``LI``; the edge that closes the cycle takes one step.

    Reset in the step after a spike, the membrane loses :math:`\vartheta` after it has decayed, so that the scale is
    :math:`-\vartheta/g`; reset at once, it loses it before, :math:`-d\,\vartheta/g`. The current is a node of its own
    where the reset must not reach it.

    Args:
        neuron: The neuron.
        signal: What drives it.
        leak: d, with the gain g.
        gain: g.
        syn: The decay of its current.

    Returns:
        Spikes and states, and the name of the node that takes what drives the neuron.
    """
    reset = neuron.module.reset_name
    compact = reset == "subtract" and neuron.settings.reset == "compact" and "mem" not in neuron.wanted
    apart = syn is not None and (
        (reset == "subtract" and not compact) or syn.never or leak.never or "syn" in neuron.wanted
    )
    neuron.single = (reset == "zero" or compact) and not neuron.recurrent and not apart
    ports: Ports = {} if syn is None else {"syn": neuron.inside("syn")}
    entry = ""
    if syn is not None and apart:
        signal = ports["syn"] = neuron.add("syn", syn.integrator, signal)
        (entry,) = signal.sources
        syn = None
    if compact:
        neuron.drawing.notes.append(("NIR408", neuron.where, "its reset by subtraction"))
    if reset == "zero" or compact:
        fired = neuron.add("neuron", lambda **m: _firing(neuron, leak, syn, **m), signal, main=True)
        ports["mem"] = neuron.inside("mem")
        (membrane,) = fired.sources
    else:
        neuron.check_rests_silent()
        mem = neuron.add("mem", lambda **m: _integrating(leak, syn, **m), signal, main=True)
        fired = neuron.fire(mem)
        (membrane,) = mem.sources
        ports["mem"] = _subtracted(neuron, mem, fired, leak, gain) if reset == "subtract" else mem
    ports["spk"] = neuron.graded_spikes(fired)
    return ports, entry or membrane


def _firing(neuron: Neuron, leak: Leak, syn: Leak | None, **extra: Any) -> Any:
    if syn is None:
        return leak.firing(neuron.threshold, **extra)
    threshold = leak.field(neuron.threshold)
    return nir.CubaLIF(**_currents(leak, syn), v_threshold=threshold, v_reset=leak.zero, **extra)


def _integrating(leak: Leak, syn: Leak | None, **extra: Any) -> Any:
    return leak.integrator(**extra) if syn is None else nir.CubaLI(**_currents(leak, syn), **extra)


def _currents(leak: Leak, syn: Leak) -> dict[str, Any]:
    return {"tau_syn": syn.tau, "tau_mem": leak.tau, "r": leak.r, "v_leak": leak.zero, "w_in": syn.r}


def _subtracted(neuron: Neuron, mem: Signal, fired: Signal, leak: Leak, gain: np.ndarray | float) -> Signal:
    """Draw the reset; gives the membrane as the network's step leaves it."""
    delayed = neuron.module.reset_delay
    amount = neuron.threshold if delayed else leak.decay * neuron.threshold
    neuron.drawing.connect(neuron.scale("reset", -amount / gain, fired), mem.sources[0])
    if delayed or "mem" not in neuron.wanted:
        return mem
    lowered = neuron.scale("lowered", -neuron.threshold, fired)
    return mem._replace(sources=mem.sources + lowered.sources)
