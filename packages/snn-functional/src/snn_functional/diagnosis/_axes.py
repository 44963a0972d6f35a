"""Is time on axis 0 and the batch on axis 1?"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from snn_functional.diagnosis._evidence import Evidence, warning
from snn_functional.diagnosis.finding import Finding


def axes(evidence: Evidence) -> Iterator[Finding]:
    """Targets that number as axis 0, or samples that are all the same while the steps differ.

    Only what can be told from the batch: two axes of random spikes are as good one way as the other.
    """
    reason = swapped(evidence.batch, evidence.targets)
    if reason:
        yield warning(
            "swapped_axes",
            "",
            None,
            f"Time and batch look swapped: {reason}.",
            "Pass [num_steps, batch, ...]: batch.transpose(0, 1) if it is [batch, num_steps, ...].",
        )


def swapped(batch: Tensor, targets: object) -> str:
    """Why time and batch look swapped; empty if they do not."""
    steps, samples = batch.shape[:2]
    if steps == samples:
        return ""
    if isinstance(targets, Tensor) and targets.dim() == 1 and len(targets) != samples and len(targets) == steps:
        return f"there are {len(targets)} targets, as axis 0 is long, and axis 1 is {samples}"
    if samples > 1 and bool((batch == batch[:, :1]).all()) and not bool((batch == batch[:1]).all()):
        return f"all {samples} samples along axis 1 are the same, and the {steps} steps along axis 0 differ"
    return ""
