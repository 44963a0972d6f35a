"""Checks of the batch: is it something that a net can turn into spikes, with time on axis 0 and samples on axis 1?"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from snn_functional.diagnosis._evidence import Evidence
from snn_functional.diagnosis.finding import Finding

_ALIKE = 0.75  # differences of neighbors along one axis, relative to the other
_UNORDERED = 0.9  # differences of neighbors, relative to those of elements half an axis apart
_ENOUGH = 1000  # differences, so that the means of random numbers agree within a few per cent
_BYTES = 128  # counts of events are whole numbers as well, but rarely so large


def inputs(evidence: Evidence) -> Iterator[Finding]:
    """Report a batch that is NaN or infinite, zero everywhere, or made of bytes that were never divided by 255."""
    xs = evidence.batch
    bad = int((~torch.isfinite(xs)).sum())
    if bad:
        message = f"The batch contains {bad} values that are NaN or infinite."
        remedy = (
            "Look for their source in the data: a division by a standard deviation of 0, a log of 0, a broken file."
        )
        yield Finding("nonfinite_input", "error", "", bad, message, remedy)
        return
    largest = float(xs.amax())
    if not bool((xs != 0).any()):
        remedy = (
            "Look at the data and its encoding: a gain of 0, a threshold above all values, integers divided by 255 in "
            "an integer dtype."
        )
        yield Finding("zero_input", "error", "", 0.0, "The batch is 0 everywhere.", remedy)
    elif _BYTES <= largest <= 255 and float(xs.amin()) >= 0 and bool((xs == xs.round()).all()):
        message = f"The batch contains whole numbers from 0 to {largest:.0f}, like the bytes of an image."
        remedy = "Divide by 255: thresholds are near 1, and an encoder takes intensities as probabilities."
        yield Finding("byte_input", "warning", "", largest, message, remedy)


def axes(evidence: Evidence) -> Iterator[Finding]:
    """Report targets whose number is the length of axis 0, or samples that are alike while the steps differ.

    The check sees nothing but the batch, and random spikes look the same with their axes in either order.
    """
    reason = swapped(evidence.batch, evidence.targets)
    if reason:
        message = f"Time and batch look swapped: {reason}."
        remedy = "Pass [num_steps, batch, ...]: batch.transpose(0, 1) if it is [batch, num_steps, ...]."
        yield Finding("swapped_axes", "warning", "", None, message, remedy)


def repeated(evidence: Evidence) -> Iterator[Finding]:
    """Report steps that are all equal and each stored in memory."""
    xs = evidence.batch
    if evidence.own_loop or len(xs) < 2 or xs.stride(0) == 0 or not bool((xs[1:] == xs[0]).all()):
        return
    if bool((xs[0] != xs.flatten()[0]).any()):  # one number everywhere is a test of a net, not an image
        message = f"All {len(xs)} steps of the batch are the same, and each is stored in memory."
        remedy = (
            "Expand one step, x.expand(num_steps, *x.shape): unroll then runs the layers before the first neuron once."
        )
        yield Finding("repeated_input", "info", "", len(xs), message, remedy)


def swapped(batch: Tensor, targets: object) -> str:
    """Return the reason why time and batch look swapped, or an empty string if they do not."""
    steps, samples = batch.shape[:2]
    is_one_for_each = isinstance(targets, Tensor) and targets.dim() == 1 and len(targets) == steps
    if is_one_for_each and steps != samples:
        return f"there are {steps} targets, which is the length of axis 0, while that of axis 1 is {samples}"
    if samples > 1 and bool((batch == batch[:, :1]).all()) and not bool((batch == batch[:1]).all()):
        return f"all {samples} samples along axis 1 are the same, and the {steps} steps along axis 0 differ"
    if _as_if_swapped(batch.double()):
        return (
            f"neighbors among the {samples} samples along axis 1 are more alike than among the {steps} steps along "
            "axis 0, which are in no order"
        )
    return ""


def _as_if_swapped(xs: Tensor) -> bool:
    """Return True if neighbors along axis 1 are alike, as steps of an image or a recording are, and along 0 are not.

    Samples of different things are in no order: along their axis, neighbors differ as much as others do.
    """
    half = len(xs) // 2
    steps, far, samples = (xs[1:] - xs[:-1]).abs(), (xs[half:] - xs[: len(xs) - half]).abs(), xs.diff(dim=1).abs()
    if half < 2 or int((steps != 0).sum()) < _ENOUGH:
        return False
    return float(samples.mean()) < _ALIKE * float(steps.mean()) and float(steps.mean()) > _UNORDERED * float(far.mean())
