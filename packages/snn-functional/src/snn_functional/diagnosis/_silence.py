"""Checks of a silent layer: can it fire, can it learn to, and by what factor is its input too small?"""

from __future__ import annotations

import math

import torch

from snn_core import Recurrent
from snn_functional.diagnosis._evidence import Evidence, error, listed, warning
from snn_functional.diagnosis._reach import ceiling, highest, measured
from snn_functional.diagnosis._record import Trace
from snn_functional.diagnosis._scaling import scaling
from snn_functional.diagnosis._surrogates import derivative
from snn_functional.diagnosis.finding import Finding

MORE = "Scale the weights before it or its input up, or lower its threshold; a larger decay adds up more of the input."


def silence(evidence: Evidence, trace: Trace, others: list[str], is_output: bool) -> Finding:
    """Return the finding for a silent layer: an error if it cannot learn to fire, else a warning."""
    also = f" So are {listed(others)} after it." if others else ""
    reached, threshold = highest(trace), trace.neuron.threshold.detach()
    report, may, remedy = warning, "A gradient reaches it, so it may learn to.", _remedy(trace)
    most = ceiling(trace)
    if not trace.neuron.threshold.requires_grad and bool((threshold >= most).all()):
        report, may = error, f"It cannot learn to: its output is below {most:g}, whatever its input."
        remedy = f"Take a threshold below {most:g}."
    elif not _has_gradient(evidence, trace):
        report, may = error, "No gradient reaches its membranes, so it cannot learn to."
        remedy += " A surrogate with a heavier tail, such as surrogate.atan(), has a gradient farther away."
    if reached is not None and bool((reached <= threshold).all()):
        top, least = float(reached.max()), float(threshold.min())
        return report(
            "unreachable_threshold",
            trace.path,
            top,
            f"No neuron can fire: with this input a membrane reaches at most {top:.4g}, and the threshold is "
            f"{least:.4g}. {may}{also}",
            remedy,
        )
    code, what = ("silent_output", "The output layer") if is_output else ("silent_layer", "The layer")
    after = "a loss of its spikes is the same for all samples" if is_output else "the layers after it get none"
    return report(code, trace.path, 0.0, f"{what} gives no spike for any sample: {after}. {may}{also}", remedy)


def _has_gradient(evidence: Evidence, trace: Trace) -> bool:
    """Return True if the gradient of the loss with respect to the layer's membranes is not lost in rounding."""
    if trace.membranes:
        if trace.neuron.surrogate_disable or not bool((derivative(trace) >= evidence.limits.underflow).any()):
            return False
        gradients = evidence.over_time.get(trace.path, [])
    else:
        # membranes within a sequence are not visible, but their parameters are
        assert evidence.record is not None
        before = [path for path, use in evidence.record.uses.items() if use.order < trace.order]
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
