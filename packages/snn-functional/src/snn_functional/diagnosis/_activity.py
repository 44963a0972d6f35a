"""Checks of activity: do the neurons stay finite, and do they fire, but not all the time?"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from snn_core import LIF
from snn_core.neuron import WholeSequence
from snn_functional.diagnosis._evidence import Evidence, Trace
from snn_functional.diagnosis._silence import MORE, highest, scaling, silence
from snn_functional.diagnosis.finding import Finding

_LESS = "Scale the weights before it down, raise its threshold, or add functional.reg.l1_rate_sparsity to the loss."


def finite(evidence: Evidence) -> Iterator[Finding]:
    """Report the first layer in which a number overflows, although batch and parameters are finite."""
    for trace in evidence.traces():
        seen = [*trace.inputs, *trace.membranes, *(spk for spk in trace.spks if spk is not None)]
        if not all(bool(torch.isfinite(tensor).all()) for tensor in seen):
            message = "Its input or its membrane becomes NaN or infinite, although batch and parameters are finite."
            remedy = (
                "Look for a division or an exponential before it, weights or a decay that make the membrane grow from "
                "step to step, and numbers that float16 cannot hold."
            )
            yield Finding("nonfinite_activity", "error", trace.path, None, message, remedy)
            return


def activity(evidence: Evidence) -> Iterator[Finding]:
    """Report layers that are silent, hardly fire or always fire, if the loss depends on their spikes.

    Of several silent layers in a row only the first is reported, as it is the cause.
    """
    if evidence.reported("nonfinite_activity", "zero_input", "no_loop"):
        return
    heard = [(t, spikes) for t in evidence.traces() if t.heard and (spikes := t.spikes()) is not None]
    silent = [trace for trace, spikes in heard if not bool(spikes.any())]
    for trace, spikes in heard:
        if bool(spikes.any()):
            yield from _shares(trace, evidence)
            yield from _reset(trace)
        elif trace is silent[0]:
            yield silence(evidence, trace, [other.path for other in silent[1:]], trace is evidence.output())


def _shares(trace: Trace, evidence: Evidence) -> Iterator[Finding]:
    rates = trace.rates()
    assert rates is not None
    dead = rates == 0
    share = float(dead.double().mean())
    if share >= evidence.limits.share:
        reached = highest(trace)
        never = dead & (reached <= trace.neuron.threshold.detach()) if reached is not None else torch.tensor(False)
        why = f", {int(never.sum())} of them out of reach of the threshold with this input" if never.any() else ""
        message = f"{int(dead.sum())} of {dead.numel()} neurons ({100 * share:.0f} %) never fire{why}."
        yield Finding("dead_neurons", "warning", trace.path, share, message, MORE + scaling(trace, up=True))
    full = rates >= evidence.limits.saturated_rate
    share = float(full.double().mean())
    explained = evidence.reported("threshold_not_positive", module=trace.path)
    # with a single step, every neuron that fires does so in every step
    if trace.steps > 1 and share >= evidence.limits.share and not explained:
        message = (
            f"{int(full.sum())} of {full.numel()} neurons ({100 * share:.0f} %) fire in nearly every step, whatever "
            "their input."
        )
        yield Finding("saturated_neurons", "warning", trace.path, share, message, _LESS + scaling(trace, up=False))


def _reset(trace: Trace) -> Iterator[Finding]:
    neuron = trace.neuron
    if not isinstance(neuron, LIF) or isinstance(neuron, WholeSequence):
        return
    if neuron.resets and neuron.reset_name == "none":
        message = (
            "Spikes do not reset the membrane (reset_mechanism='none'): above its threshold the neuron fires in every "
            "step until the membrane has leaked below it."
        )
        remedy = "Pass reset_mechanism='subtract' or 'zero', unless this is a read-out."
        yield Finding("no_reset", "info", trace.path, None, message, remedy)
