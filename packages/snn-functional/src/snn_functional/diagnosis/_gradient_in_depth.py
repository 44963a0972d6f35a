"""Does the gradient reach the first layers?"""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot

from snn_functional.diagnosis._evidence import Evidence, warning
from snn_functional.diagnosis._gradients import norms
from snn_functional.diagnosis.finding import Finding


def gradient_in_depth(evidence: Evidence) -> Iterator[Finding]:
    """Layers whose membranes have a gradient that is lost in rounding beside that of another layer."""
    found = {trace.path: norms(evidence, trace.path) for trace in evidence.traces()}
    sizes = {path: hypot(*steps) for path, steps in found.items() if steps}
    largest = max(sizes.values(), default=0.0)
    for path, size in sizes.items():
        if 0 < size < evidence.limits.vanishing * largest and not evidence.cannot_fire(path):
            yield warning(
                "vanishing_in_depth",
                path,
                size / largest,
                f"The gradient of the membranes is {size:.1e}, and that of another layer {largest:.1e}.",
                "Use a surrogate with a higher peak or a heavier tail, fewer layers, or connections past them.",
            )
