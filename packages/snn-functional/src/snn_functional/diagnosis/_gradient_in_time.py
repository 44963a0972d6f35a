"""Does the gradient reach the first steps?"""

from __future__ import annotations

from collections.abc import Iterator

from snn_functional.diagnosis._evidence import Evidence, warning
from snn_functional.diagnosis._gradients import norms
from snn_functional.diagnosis.finding import Finding


def gradient_in_time(evidence: Evidence) -> Iterator[Finding]:
    r"""Layers whose membranes have a gradient that vanishes or explodes on its way back through time.

    Of a membrane that is read in the last step alone, :math:`|dL/dU[0]| = \beta^{T-1} |dL/dU[T-1]|`.
    """
    for trace in evidence.traces():
        found = norms(evidence, trace.path)
        if found is None or len(found) < 2 or not any(found) or not trace.stepwise:
            continue
        largest = max(found)
        last = next(norm for norm in reversed(found) if norm)
        if found[0] < evidence.limits.vanishing * largest:
            yield warning(
                "vanishing_in_time",
                trace.path,
                found[0] / largest,
                f"The gradient of the membranes is {found[0]:.1e} in the first step and {largest:.1e} in the largest: "
                "what happened first is not learned from.",
                "Use a larger decay, a loss that hears every step, or a shorter sequence.",
            )
        if largest > evidence.limits.exploding * last:
            yield warning(
                "exploding_in_time",
                trace.path,
                largest / last,
                f"The gradient of the membranes grows from {last:.1e} in the last step that has one to {largest:.1e} "
                "before.",
                "Clip it (torch.nn.utils.clip_grad_norm_), use a surrogate with a lower peak, smaller recurrent "
                "weights, or cut it by unroll(net, xs, chunk=..., truncate=True).",
            )
