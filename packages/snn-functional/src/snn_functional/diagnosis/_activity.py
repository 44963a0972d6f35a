"""Checks of activity: do the neurons stay finite, and do they fire, but not all the time?"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from snn_core.neuron.spiking import LIF
from snn_core.neuron.whole_sequence import WholeSequence
from snn_functional.diagnosis._evidence import Evidence, error, info, warning
from snn_functional.diagnosis._reach import highest
from snn_functional.diagnosis._record import Trace
from snn_functional.diagnosis._scaling import scaling
from snn_functional.diagnosis._silence import MORE, silence
from snn_functional.diagnosis.finding import Finding
from snn_functional.statistics import dead_neurons, saturated_neurons

_LESS = "Scale the weights before it down, raise its threshold, or add functional.reg.l1_rate_sparsity to the loss."


def finite(evidence: Evidence) -> Iterator[Finding]:
    """Yield the first layer in which a number overflows, although batch and parameters are finite."""
    for trace in evidence.traces():
        seen = [*trace.inputs, *trace.membranes, *(spk for spk in trace.spks if spk is not None)]
        if not all(bool(torch.isfinite(tensor).all()) for tensor in seen):
            yield error(
                "nonfinite_activity",
                trace.path,
                None,
                "Its input or its membrane becomes NaN or infinite, although batch and parameters are finite.",
                "Look for a division or an exponential before it, weights or a decay that make the membrane grow from "
                "step to step, and numbers that float16 cannot hold.",
            )
            return


def activity(evidence: Evidence) -> Iterator[Finding]:
    """Yield layers that are silent, hardly fire or always fire, if the loss depends on their spikes.

    Of several silent layers in a row only the first is reported, as it is the cause.
    """
    if evidence.found("nonfinite_activity", "zero_input", "no_loop"):
        return
    heard = [t for t in evidence.traces() if evidence.heard.get(t.path, True) and t.spikes() is not None]
    silent = [t.path for t in heard if not bool(t.spikes().any())]  # pyrefly: ignore[missing-attribute]
    output = None if evidence.record is None else evidence.record.output()
    for trace in heard:
        if trace.path in silent:
            if trace.path == silent[0]:
                yield silence(evidence, trace, silent[1:], trace is output)
            continue
        spikes = trace.spikes()
        assert spikes is not None
        yield from _shares(trace, spikes, evidence)
        if isinstance(trace.neuron, LIF) and not isinstance(trace.neuron, WholeSequence):
            yield from _reset(trace)


def _shares(trace: Trace, spikes: Tensor, evidence: Evidence) -> Iterator[Finding]:
    dead = dead_neurons(spikes)
    share = float(dead.double().mean())
    if share >= evidence.limits.share:
        reached = highest(trace)
        never = dead & (reached <= trace.neuron.threshold.detach()) if reached is not None else torch.tensor(False)
        why = f", {int(never.sum())} of them out of reach of the threshold with this input" if never.any() else ""
        yield warning(
            "dead_neurons",
            trace.path,
            share,
            f"{int(dead.sum())} of {dead.numel()} neurons ({100 * share:.0f} %) never fire{why}.",
            MORE + scaling(trace, up=True),
        )
    full = saturated_neurons(spikes, evidence.limits.saturated_rate)
    share = float(full.double().mean())
    # with a single step, every neuron that fires does so in every step
    if (
        trace.steps > 1
        and share >= evidence.limits.share
        and not evidence.found_in(trace.path, "threshold_not_positive")
    ):
        yield warning(
            "saturated_neurons",
            trace.path,
            share,
            f"{int(full.sum())} of {full.numel()} neurons ({100 * share:.0f} %) fire in nearly every step, whatever "
            "their input.",
            _LESS + scaling(trace, up=False),
        )


def _reset(trace: Trace) -> Iterator[Finding]:
    if trace.neuron.resets and trace.neuron.reset_name == "none":
        yield info(
            "no_reset",
            trace.path,
            None,
            "Spikes do not reset the membrane (reset_mechanism='none'): above its threshold the neuron fires in every "
            "step until it has leaked.",
            "Pass reset_mechanism='subtract' or 'zero', unless this is a read-out.",
        )
