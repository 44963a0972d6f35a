"""The export of leaky membranes: one node if they reset to zero, several if NIR has no node for their reset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import nir

from snn_nir.exporting.decays import Constant, Leak
from snn_nir.exporting.drawing import Signal

if TYPE_CHECKING:
    from snn_nir.exporting.neuron_drawing import NeuronDrawing


def draw_membrane(
    neuron: NeuronDrawing, decay: Constant, gain: Constant, current: Constant | None, constants: Mapping[str, Any]
) -> dict[str, Any]:
    r"""Draw :math:`U' = d\,U + g\,x`, its threshold and its reset, after a synaptic current if it has one.

    - zero: ``LIF`` or ``CubaLIF``;
    - none: ``LI`` or ``CubaLI`` -> ``Threshold``;
    - subtract: ``LI`` -> ``Threshold`` -> ``Scale`` -> ``LI``; the edge that closes the cycle takes one step.

    If the reset comes in the step after a spike, the membrane loses :math:`\vartheta` after it has decayed, so that the
    scale is :math:`-\vartheta/g`; with a reset at once, it loses it before the decay, and the scale is
    :math:`-d\,\vartheta/g`. The current is a node of its own if the reset must not reach it.

    Args:
        neuron: The neuron.
        decay: d.
        gain: g.
        current: The decay of its current.
        constants: Constants that the metadata keeps instead of the decays.
    """
    leak, syn = neuron.leak_of(decay, gain), None if current is None else neuron.leak_of(current)
    constants = constants or {"beta": decay, **({} if current is None else {"alpha": current})}
    reset = neuron.neuron.reset_name
    compact = reset == "subtract" and neuron.settings.reset == "compact" and "mem" not in neuron.used
    apart = syn is not None and (
        (reset == "subtract" and not compact) or syn.never or leak.never or "syn" in neuron.used
    )
    ports: dict[str, Any] = {}
    signal = neuron.input
    if syn is not None and apart:
        signal = ports["syn"] = neuron.add("syn", syn.integrator(), signal)
        syn = None
    if compact:
        neuron.graph.notes.append(("NIR408", neuron.where, "its reset by subtraction"))
    if reset == "zero" or compact:
        alone = not neuron.is_recurrent and not apart
        fired = neuron.add("" if alone else "neuron", _firing(neuron, leak, syn), signal, **constants)
        return {**ports, "spk": fired}
    mem = neuron.add("mem", _integrating(leak, syn), signal, **constants)
    fired = neuron.fire(mem)
    if reset == "subtract":
        mem = subtracted(neuron, mem, mem, fired, leak.decay, neuron.constant(gain))
    return {**ports, "spk": fired, "mem": mem}


def _firing(neuron: NeuronDrawing, leak: Leak, syn: Leak | None) -> Any:
    if syn is None:
        return leak.firing(neuron.threshold)
    threshold = leak.field(neuron.threshold)
    return nir.CubaLIF(**_currents(leak, syn), v_threshold=threshold, v_reset=leak.zero)


def _integrating(leak: Leak, syn: Leak | None) -> Any:
    return leak.integrator() if syn is None else nir.CubaLI(**_currents(leak, syn))


def _currents(leak: Leak, syn: Leak) -> dict[str, Any]:
    return {"tau_syn": syn.tau, "tau_mem": leak.tau, "r": leak.r, "v_leak": leak.zero, "w_in": syn.r}


def subtracted(neuron: NeuronDrawing, mem: Signal, entry: Signal, fired: Signal, decay: Any, gain: Any) -> Signal:
    """Draw the reset from the spikes to a node of the membrane; return the membrane as the step leaves it."""
    delayed = neuron.neuron.reset_delay
    amount = neuron.threshold if delayed else decay * neuron.threshold
    neuron.connect(neuron.scale("reset", -amount / gain, fired), entry)
    if delayed or "mem" not in neuron.used:
        return mem
    return mem.plus(neuron.scale("lowered", -neuron.threshold, fired))
