"""``Synaptic`` and ``RSynaptic`` to NIR."""

from __future__ import annotations

from snn_nir.exporting.drawing import Signal
from snn_nir.exporting.membrane import draw_membrane
from snn_nir.exporting.neurons import Neuron, Ports
from snn_nir.exporting.recurrent import draw_recurrence

__all__ = ["draw_synaptic"]


def draw_synaptic(neuron: Neuron, signal: Signal) -> Ports:
    r"""Draw :math:`I' = \alpha I + x`, :math:`U' = \beta U + I'`, with recurrence if it has one.

    Args:
        neuron: The neuron.
        signal: Its input.

    Returns:
        Spikes, current and membrane.
    """
    module = neuron.module
    syn = neuron.leak(module.alpha.clamp(0, 1))
    ports, entry = draw_membrane(neuron, signal, neuron.leak(module.membrane_decay), syn=syn)
    draw_recurrence(neuron, ports["spk"], entry)
    return ports
