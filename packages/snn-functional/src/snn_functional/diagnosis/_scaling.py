"""The factor that makes a layer fire now and then if its input is too small or too large."""

from __future__ import annotations

import torch

from snn_core import SpikingNeuron
from snn_core.init.crossing import NotReached, firing_factor
from snn_functional.diagnosis._record import Trace

_RATE = 0.1  # spikes per step, a compromise between gradients and sparseness
_ACCURACY = 0.05  # of the rate


def scaling(trace: Trace, *, up: bool) -> str:
    """Return a sentence with the factor that makes a layer fire at 10 %, and the function that scales a whole net.

    Args:
        trace: The layer.
        up: True if a factor above 1 is a remedy, False if one below.

    Returns:
        The sentence after a space, or an empty string if no such factor is known.
    """
    factor = _factor(trace)
    if factor is None or (factor > 1) != up:
        return ""
    return (
        f" With its input times {factor:.3g} the layer fires in {100 * _RATE:g} % of the steps; "
        "snn.init.fluctuation_(net, xs) scales the weights before every layer this way."
    )


def _factor(trace: Trace) -> float | None:
    neuron, inputs = trace.neuron, trace.inputs
    if not isinstance(neuron, SpikingNeuron) or not trace.stepwise or len({x.shape for x in inputs}) != 1:
        return None
    if type(neuron).driven is not SpikingNeuron.driven:
        return None  # the layer's own weights, including biases, come after what could be scaled
    try:
        return firing_factor(neuron, torch.stack(inputs), _RATE, tolerance=_ACCURACY)
    except NotReached:
        return None
