"""The recurrent connection of a neuron to NIR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nir
import numpy as np
from torch import nn

from snn_core.neuron.recurrence import OneToOne
from snn_nir.codes import refusal
from snn_nir.exporting.drawing import Signal, stored
from snn_nir.exporting.layers import draw_conv, draw_linear

if TYPE_CHECKING:
    from snn_nir.exporting.neuron_drawing import NeuronDrawing


def draw_recurrence(neuron: NeuronDrawing, spk: Signal) -> None:
    """Draw ``w_rec`` from the spikes back to what drives the neuron; the edge that closes the cycle takes one step.

    Args:
        neuron: The neuron; nothing is drawn if it is not recurrent.
        spk: Its spikes, graded.

    Raises:
        NIRError: ``NIR401`` for a connection of another kind, ``NIR402`` for a shape that it cannot connect.
    """
    if not neuron.is_recurrent:
        return
    layer: Any = neuron.neuron.recurrent
    if type(layer) is OneToOne:
        fed_back = _one_to_one(neuron, layer, spk)
        parameters = {"scale": layer.V}
    elif type(layer) in (nn.Linear, nn.Conv2d):
        draw = draw_linear if type(layer) is nn.Linear else draw_conv
        fed_back = neuron.add("w_rec", draw(layer, spk, f"{neuron.name}.recurrent"), spk)
        parameters = {"weight": layer.weight, "bias": layer.bias}
    else:
        raise refusal("NIR401", neuron.where, f"recurrent is a {type(layer).__name__}", "connect it by connect(...)")
    for entry in neuron.entries:
        neuron.connect(fed_back, fed_back._replace(sources=(entry,)))
    neuron.share(fed_back, **parameters)


def _one_to_one(neuron: NeuronDrawing, layer: OneToOne, spk: Signal) -> Signal:
    weights = neuron.constant(layer.V)
    if neuron.settings.one_to_one == "scale" or len(neuron.shape) != 1:
        return neuron.scale("w_rec", weights, spk)
    diagonal = np.diag(weights).astype(stored(layer.V, neuron.dtype).dtype)
    return neuron.add("w_rec", nir.Linear(weight=diagonal), spk)
