"""The parts drawn after every neuron: graded spikes, the recurrent connection, and states that no node sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import nir
import numpy as np
from torch import nn

from snn_core.neuron import OneToOne
from snn_nir.codes import refusal
from snn_nir.exporting.drawing import Signal, field_type
from snn_nir.exporting.layers import draw_conv, draw_delay, draw_linear
from snn_nir.exporting.neuron_drawing import NeuronDrawing


class Inside(NamedTuple):
    """A state that no NIR node sends, and the name of the state."""

    where: str
    why: str


def finished(drawing: NeuronDrawing, ports: Any) -> dict[str, Any]:
    """Return the signals of a drawing by name, with graded spikes and recurrence drawn after it.

    A state that has no signal is ``Inside``.
    """
    signals = isinstance(ports, Mapping) and all(isinstance(signal, Signal) for signal in ports.values())
    if not signals or "spk" not in ports:
        raise TypeError(f"{drawing.where}: its drawing returns {ports!r}; return a dict of signals with 'spk'")
    states = [name for name in drawing.neuron.State._fields if name != "spk"]
    unknown = [name for name in ports if name not in ("spk", *states)]
    if unknown:
        known = ", ".join(states)
        raise TypeError(f"{drawing.where}: its drawing returns {unknown[0]!r}, not a state; its states are {known}")
    spk, factor = ports["spk"], drawing.neuron.graded_spikes_factor
    if isinstance(factor, nn.Parameter) or (drawing.constant(factor) != 1).any():
        spk = drawing.scale("graded", factor, spk)
    if drawing.is_recurrent:
        _feed_back(drawing, spk)
    return {**{name: Inside(drawing.where, f"the state {name!r}") for name in states}, **ports, "spk": spk}


def _feed_back(neuron: NeuronDrawing, spk: Signal) -> None:
    """Draw ``w_rec`` from the spikes back to the neuron's input; the edge that closes the cycle takes one step."""
    layer: Any = neuron.neuron.recurrent
    if neuron.neuron.max_delay is not None:
        late = draw_delay(neuron.neuron, spk, neuron.name, neuron.settings.dt)
        spk = neuron.add("delay", late, spk)
    if type(layer) is OneToOne:
        fed_back = _one_to_one(neuron, layer, spk)
        parameters = {"scale": layer.V}
    elif type(layer) in (nn.Linear, nn.Conv2d):
        draw = draw_linear if type(layer) is nn.Linear else draw_conv
        fed_back = neuron.add("w_rec", draw(layer, spk, f"{neuron.name}.recurrent"), spk)
        parameters = {"weight": layer.weight, "bias": layer.bias}
    else:
        raise refusal("NIR401", neuron.where, f"recurrent is a {type(layer).__name__}", "connect it with connect(...)")
    for entry, count in neuron.entries.items():
        neuron.graph.connect(fed_back._replace(sources=fed_back.sources * count), entry)
    neuron.graph.share(fed_back.sources[0], **parameters)


def _one_to_one(neuron: NeuronDrawing, layer: OneToOne, spk: Signal) -> Signal:
    weights = neuron.constant(layer.V)
    if neuron.settings.one_to_one == "scale" or len(neuron.shape) != 1:
        return neuron.scale("w_rec", weights, spk)
    diagonal = np.diag(weights).astype(field_type(neuron.dtype))
    return neuron.add("w_rec", nir.Linear(weight=diagonal), spk)
