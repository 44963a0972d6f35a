"""Do the membranes and spikes stay finite?"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from snn_functional.diagnosis._evidence import Evidence, error
from snn_functional.diagnosis.finding import Finding


def finite(evidence: Evidence) -> Iterator[Finding]:
    """The first layer in which a number overflows, although batch and parameters are finite."""
    for trace in evidence.traces():
        seen = [*trace.inputs, *trace.membranes, *(spk for spk in trace.spks if spk is not None)]
        if not all(bool(torch.isfinite(one).all()) for one in seen):
            yield error(
                "nonfinite_activity",
                trace.path,
                None,
                "Its input or its membrane becomes NaN or infinite, although batch and parameters are finite.",
                "Look for a division or an exponential before it, weights or a decay that make the membrane grow from "
                "step to step, and numbers that float16 does not hold.",
            )
            return
