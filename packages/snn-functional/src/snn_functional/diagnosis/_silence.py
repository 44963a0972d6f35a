"""Checks of a silent layer: can it fire, can it learn to, and by what factor is its input too small or too large?"""

from __future__ import annotations

import math

import torch

from snn_core import Recurrent, SpikingNeuron
from snn_core.init import NotReached, firing_factor
from snn_functional.diagnosis._evidence import Evidence, listed
from snn_functional.diagnosis._gradients import derivative
from snn_functional.diagnosis._reach import ceiling, highest, measured
from snn_functional.diagnosis._record import Trace
from snn_functional.diagnosis.finding import Finding

MORE = "Scale the weights before it or its input up, or lower its threshold; a larger decay adds up more of the input."
_RATE = 0.1  # spikes per step, a compromise between gradients and sparseness
_ACCURACY = 0.05  # of the rate


def silence(evidence: Evidence, trace: Trace, others: list[str], is_output: bool) -> Finding:
    """Return the finding for a silent layer: an error if it cannot learn to fire, else a warning."""
    also = f" Silent after it: {listed(others)}." if others else ""
    reached, threshold = highest(trace), trace.neuron.threshold.detach()
    severity, may, remedy = "warning", "A gradient reaches it, so it may learn to fire.", _remedy(trace)
    most = ceiling(trace)
    if not trace.neuron.threshold.requires_grad and bool((threshold >= most).all()):
        severity, may = "error", f"It cannot learn to fire: its output is below {most:g}, whatever its input."
        remedy = f"Take a threshold below {most:g}."
        if math.isinf(most):
            may = "It cannot learn to fire: its threshold is infinite."
            remedy = "If it is a read-out, use a loss of its membranes alone; otherwise take a finite threshold."
    elif not _has_gradient(evidence, trace):
        severity, may = "error", "No gradient reaches its membranes, so it cannot learn to fire."
        remedy += (
            " A surrogate with a heavier tail, such as surrogate.atan(), has a gradient farther from the threshold."
        )
    if reached is not None and bool((reached <= threshold).all()):
        top, least = float(reached.max()), float(threshold.min())
        message = (
            f"No neuron can fire: with this input a membrane reaches at most {top:.4g}, and the threshold is "
            f"{least:.4g}. {may}{also}"
        )
        return Finding("unreachable_threshold", severity, trace.path, top, message, remedy)
    code, what = ("silent_output", "The output layer") if is_output else ("silent_layer", "The layer")
    after = "a loss of its spikes is the same for all samples" if is_output else "the layers after it receive none"
    message = f"{what} gives no spike for any sample: {after}. {may}{also}"
    return Finding(code, severity, trace.path, 0.0, message, remedy)


def _has_gradient(evidence: Evidence, trace: Trace) -> bool:
    """Return True if the gradient of the loss with respect to the layer's membranes is not lost in rounding."""
    if trace.membranes:
        if trace.neuron.surrogate_disable or not bool((derivative(trace) >= evidence.limits.underflow).any()):
            return False
        gradients = trace.gradients
    else:
        # membranes within a sequence are not visible, but their parameters are
        before = [path for path, use in evidence.uses.items() if use.order < trace.order]
        gradients = [
            gradient
            for name, gradient in evidence.gradients.items()
            if name.rpartition(".")[0] in before or name.startswith(f"{trace.path}." if trace.path else "")
        ]
    return any(gradient is not None and bool((gradient != 0).any()) for gradient in gradients)


def _remedy(trace: Trace) -> str:
    factor = _factor(trace)
    if factor is None:
        return MORE + scaling(trace, up=True)
    return (
        f"Scale the weights and biases before it, or its input, by about {factor:g}, or divide its threshold by that: "
        "the membranes of this batch then reach the threshold in half of its neurons. A larger decay adds up more of "
        "the input." + scaling(trace, up=True)
    )


def _factor(trace: Trace) -> float | None:
    """Return the factor that brings the highest membrane of half of the neurons to the threshold, or None if unknown.

    Without spikes there is no reset, and the membrane is proportional to its input.
    """
    neuron = trace.neuron
    if not trace.membranes or isinstance(neuron, Recurrent) or measured(trace) is None:
        return None
    top = torch.cat(trace.membranes).amax(0)
    ratios = torch.where(top > 0, neuron.threshold.detach() / top, torch.inf).double().flatten()
    factor = float(ratios.sort().values[(len(ratios) - 1) // 2])
    if not math.isfinite(factor) or factor < 1:
        return None
    step = 10.0 ** (math.floor(math.log10(factor)) - 1)
    return float(f"{math.ceil(1.01 * factor / step) * step:.2g}")  # two digits, and a little more rather than less


def scaling(trace: Trace, *, up: bool) -> str:
    """Return a sentence with the factor that makes a layer fire now and then, and the function that scales a whole net.

    ``up`` is True if a factor above 1 is a remedy; the sentence is empty if no factor is a remedy.
    """
    neuron, inputs = trace.neuron, trace.inputs
    # a layer's own weights, including biases, come after what could be scaled
    scalable = isinstance(neuron, SpikingNeuron) and type(neuron).driven is SpikingNeuron.driven
    if not scalable or not trace.stepwise or len({x.shape for x in inputs}) != 1:
        return ""
    try:
        factor = firing_factor(neuron, torch.stack(inputs), _RATE, tolerance=_ACCURACY)
    except NotReached:
        return ""
    if (factor > 1) != up:
        return ""
    return (
        f" With its input times {factor:.3g} the layer fires in {100 * _RATE:g} % of the steps; "
        "snn.init.fluctuation_(net, xs) scales the weights before every layer this way."
    )
