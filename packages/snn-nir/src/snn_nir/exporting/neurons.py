"""The drawings of the neurons of snn-core."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn_core import Alpha, Lapicque, Leaky, Readout, RLeaky, RSynaptic, Synaptic
from snn_nir.codes import refusal
from snn_nir.exporting.drawing import Signal
from snn_nir.exporting.neuron_drawing import NeuronDrawing, subtracted
from snn_nir.exporting.registering import register


def draw_leaky(neuron: Any, drawing: NeuronDrawing) -> dict[str, Signal]:
    r"""Draw :math:`U' = \beta U + x`."""
    return drawing.membrane(neuron.membrane_decay)


def draw_synaptic(neuron: Any, drawing: NeuronDrawing) -> dict[str, Signal]:
    r"""Draw :math:`I' = \alpha I + x`, :math:`U' = \beta U + I'`."""
    return drawing.membrane(neuron.membrane_decay, current=neuron.alpha.clamp(0, 1))


def draw_readout(neuron: Any, drawing: NeuronDrawing) -> dict[str, Signal]:
    r"""Draw :math:`U' = \beta U + x` as one node, whose membrane the net reads in place of spikes."""
    mem = drawing.leak("", neuron.membrane_decay, drawing.input, beta=neuron.membrane_decay)
    return {"spk": mem, "mem": mem}


def draw_lapicque(neuron: Any, drawing: NeuronDrawing) -> dict[str, Signal]:
    r"""Draw :math:`U' = (1 - \Delta/RC)\,U + (\Delta/C)\,x`.

    If :math:`\Delta` is the graph's step, it becomes :math:`\tau = RC`, :math:`r = R`. The decay is
    computed from R and C, as in the neuron's equation, and is not its attribute ``beta``. The metadata says
    which of R and C follows from a learned ``beta``.
    """
    circuit = neuron.circuit()
    gain = drawing.constant(circuit["time_step"]) / drawing.constant(circuit["C"])
    if (gain == 0).any():
        why = "beta=1: an infinite capacitance, which no input charges"
        raise refusal("NIR402", drawing.where, why, "pass beta < 1")
    decay: np.ndarray = 1 - gain / drawing.constant(circuit["R"])
    derived = next((name for name, value in circuit.items() if value is not getattr(neuron, name)), None)
    constants: dict[str, Any] = {"beta": neuron.beta.clamp(0, 1), **circuit, "derived": derived}
    return drawing.membrane(decay, gain, **constants)


def draw_alpha(neuron: Any, drawing: NeuronDrawing) -> dict[str, Signal]:
    r"""Draw two currents as ``LI`` nodes whose sum is the membrane: :math:`U = \tau E + \tau I`.

    A reset by subtraction lowers the excitatory current, by the scale :math:`-\vartheta/\tau` from the spikes to its
    input, or :math:`-\alpha\vartheta/\tau` if it resets at once. The reset to zero clears both currents, which
    no node of NIR can express.
    """
    if neuron.reset_name == "zero":
        why = "reset_mechanism='zero' clears both currents, which no NIR node does"
        remedy = "use reset_mechanism='subtract' or 'none', or pass on_unsupported='metadata' or 'drop'"
        drawing.leave_out(why, remedy)
    alpha, beta = neuron.alpha.clamp(0, 1), neuron.membrane_decay
    tau = drawing.constant(neuron.tau)
    exc = drawing.leak("exc", alpha, drawing.input, gain=tau, alpha=alpha, beta=beta)
    mem = exc.plus(drawing.leak("inh", beta, drawing.input, gain=-tau))
    fired = drawing.fire(mem)
    if neuron.reset_name == "subtract":
        mem = subtracted(drawing, mem, exc, fired, drawing.constant(alpha), tau)
    return {"spk": fired, "mem": mem}


register(Leaky, draw_leaky)
register(RLeaky, draw_leaky)
register(Synaptic, draw_synaptic)
register(RSynaptic, draw_synaptic)
register(Lapicque, draw_lapicque)
register(Alpha, draw_alpha)
register(Readout, draw_readout)
