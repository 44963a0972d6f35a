"""Checks of surrogate gradients: do they reach the membranes?"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from snn_functional.diagnosis._evidence import Evidence
from snn_functional.diagnosis._record import Trace
from snn_functional.diagnosis.finding import Finding


def surrogates(evidence: Evidence) -> Iterator[Finding]:
    """Yield layers in which most membranes are so far from the threshold that the surrogate's derivative underflows."""
    if evidence.reported("nonfinite_activity"):
        return
    for trace in evidence.traces():
        if not trace.membranes or trace.neuron.surrogate_disable or trace.neuron.inhibition:
            continue
        if not evidence.heard.get(trace.path, True) or evidence.reported("unreachable_threshold", module=trace.path):
            continue
        if evidence.cannot_fire(trace.path):
            continue  # another check reports it
        lost = derivative(trace) < evidence.limits.underflow
        share = float(lost.double().mean())
        if share >= evidence.limits.share:
            message = (
                f"In {100 * share:.0f} % of the neurons no step has a membrane near enough to the threshold for "
                f"{trace.neuron.spike_grad!r} to have a gradient."
            )
            remedy = (
                "Take a surrogate with a smaller slope or a heavier tail, such as surrogate.atan(); or bring the "
                "membranes nearer to the threshold by scaling the weights."
            )
            yield Finding("surrogate_underflow", "warning", trace.path, share, message, remedy)


def derivative(trace: Trace) -> Tensor:
    """Return the largest surrogate derivative of each neuron in any step of any sample."""
    neuron = trace.neuron
    mem = torch.cat(trace.membranes).requires_grad_()
    spk = neuron.fire(mem)
    if not spk.requires_grad:
        return torch.zeros_like(mem[0])
    gradients = torch.autograd.grad(spk.sum(), mem)[0].abs().amax(0)
    if not neuron.reset_delay and neuron.reset_name != "none":
        # for a neuron that fired, only the membrane after its reset is visible, but it was at the threshold
        spikes = trace.spikes()
        if spikes is not None and spikes.shape[2:] == gradients.shape:
            gradients = torch.where((spikes != 0).any(1)[0], 1.0, gradients)
    return gradients
