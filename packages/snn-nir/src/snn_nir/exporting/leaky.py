"""``Leaky``, ``Lapicque``, ``Synaptic`` and the recurrent ones to NIR."""

from __future__ import annotations

import numpy as np

from snn_nir.codes import refusal
from snn_nir.exporting.decays import Leak
from snn_nir.exporting.drawing import Signal
from snn_nir.exporting.membrane import draw_membrane
from snn_nir.exporting.neurons import Neuron, Ports
from snn_nir.exporting.recurrent import draw_recurrence


def draw_leaky(neuron: Neuron, signal: Signal) -> Ports:
    r"""Draw :math:`U' = \beta U + x`, with recurrence if it has one.

    Args:
        neuron: The neuron.
        signal: Its input.

    Returns:
        Spikes and membrane.
    """
    ports, entry = draw_membrane(neuron, signal, neuron.leak(neuron.module.membrane_decay))
    draw_recurrence(neuron, ports["spk"], entry)
    return ports


def draw_lapicque(neuron: Neuron, signal: Signal) -> Ports:
    r"""Draw :math:`U' = (1 - \Delta/RC)\,U + (\Delta/C)\,x`.

    Where :math:`\Delta` is the graph's step, it becomes :math:`\tau = RC`, :math:`r = R`. The decay is that of the
    neuron's equation, from R and C, not its attribute ``beta``.

    Args:
        neuron: The neuron.
        signal: Its input.

    Returns:
        Spikes and membrane.

    Raises:
        NIRError: ``NIR402`` where the capacitance is infinite.
    """
    circuit = {name: neuron.constant(value) for name, value in neuron.module.circuit().items()}
    gain = circuit["time_step"] / circuit["C"]
    if (gain == 0).any():
        raise refusal(
            "NIR402", neuron.where, "beta=1: an infinite capacitance, which no input charges", "pass beta < 1"
        )
    decay: np.ndarray = 1 - gain / circuit["R"]
    leak = Leak(decay, neuron.settings, neuron.dtype, neuron.where, gain)
    return draw_membrane(neuron, signal, leak, gain=gain)[0]


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
