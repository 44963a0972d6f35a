"""Is the batch something that a net can make spikes of?"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from snn_functional.diagnosis._evidence import Evidence, error, warning
from snn_functional.diagnosis.finding import Finding

_BYTES = 128  # counts of events are whole numbers as well, but seldom as large


def inputs(evidence: Evidence) -> Iterator[Finding]:
    """NaN or infinite, zero everywhere, or bytes that were never divided by 255."""
    xs = evidence.batch
    bad = int((~torch.isfinite(xs)).sum())
    if bad:
        yield error(
            "nonfinite_input",
            "",
            bad,
            f"The batch holds {bad} values that are NaN or infinite.",
            "Look for their source in the data: a division by a standard deviation of 0, a log of 0, a broken file.",
        )
        return
    largest = float(xs.amax())
    if not bool((xs != 0).any()):
        yield error(
            "zero_input",
            "",
            0.0,
            "The batch is 0 everywhere.",
            "Look at the data and its encoding: a gain of 0, a threshold above all values, integers divided by 255 "
            "in an integer dtype.",
        )
    elif _BYTES <= largest <= 255 and float(xs.amin()) >= 0 and bool((xs == xs.round()).all()):
        yield warning(
            "byte_input",
            "",
            largest,
            f"The batch holds whole numbers from 0 to {largest:.0f}, as the bytes of an image do.",
            "Divide by 255: thresholds are near 1, and an encoder takes intensities as probabilities.",
        )
