"""Checks of decays, time constants and thresholds: are they in their range?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from snn_core import Alpha
from snn_core.neuron.firing import Firing
from snn_functional.diagnosis._evidence import Evidence
from snn_functional.diagnosis.finding import Finding


def decays(evidence: Evidence) -> Iterator[Finding]:
    """Yield decays outside [0, 1], or suspiciously near an end; thresholds at or below rest."""
    for path, neuron in evidence.net.named_modules():
        if isinstance(neuron, Firing):
            yield from _range(path, neuron)
            yield from _pace(path, neuron, evidence)
            yield from _threshold(path, neuron)


def _range(path: str, neuron: Any) -> Iterator[Finding]:
    for name in ("alpha", "beta"):
        decay = _of(neuron, name)
        if decay is not None and bool(((decay < 0) | (decay > 1)).any()):
            worst = float(decay.flatten()[(decay.flatten() - 0.5).abs().argmax()])
            like = f"{worst:.4g} looks like a time constant" if worst > 1 else f"{worst:.4g} is below 0"
            message = f"{name} is a decay per step, from 0 to 1, and {like}; it is clamped, and has no gradient there."
            remedy = (
                f"Pass {name}=snn.decay(tau, dt) for seconds; keep a learned one inside by snn.bounded(neuron, "
                f"{name!r})."
            )
            yield Finding("decay_out_of_range", "error", path, worst, message, remedy)
    alpha, beta = _of(neuron, "alpha"), _of(neuron, "beta")
    if isinstance(neuron, Alpha) and alpha is not None and beta is not None and bool((alpha <= beta).any()):
        message = (
            "alpha is not greater than beta, and the membrane is then not the difference of a slow and a fast current."
        )
        remedy = "Choose alpha > beta; bound learned ones apart from each other: snn.bounded(neuron, 'alpha', low=...)."
        yield Finding("alpha_not_above_beta", "error", path, float((alpha - beta).min()), message, remedy)
    kept = _of(neuron, "membrane_decay")
    if kept is not None and bool((kept < 0).any()):
        steps = float(1 - kept.min())
        message = (
            f"A step is {steps:.4g} times the time constant of the membrane, which therefore swings from step to step."
        )
        remedy = (
            "Take a step that is shorter than the time constant, which is R*C of Lapicque, in the same unit; with beta "
            "alone, take a beta above 1/e."
        )
        yield Finding("unstable_step", "error", path, steps, message, remedy)


def _pace(path: str, neuron: Any, evidence: Evidence) -> Iterator[Finding]:
    steps = evidence.steps(path)
    for name in ("alpha", "beta"):
        decay = _of(neuron, name)
        if name == "beta":  # in some equations beta is not the decay of the membrane in a step
            decay = _of(neuron, "membrane_decay", decay)
        if decay is None:
            continue
        # 0 and 1 are deliberate: a neuron without memory, and one without leak
        inner = decay[(decay > 0) & (decay < 1)].double()
        if not len(inner):
            continue
        slow, fast = float(inner.max()), float(inner.min())
        remedy = f"Compare tau and dt, which are in the same unit: {name}=snn.decay(tau, dt). Pass"
        if 1 - slow**steps < evidence.limits.leak:
            tau = -1 / math.log(slow)
            message = (
                f"{name}={slow:.6g} is a time constant of {tau:.4g} steps, and the sequence has {steps}: hardly "
                "anything leaks."
            )
            yield Finding("slow_decay", "info", path, tau, message, f"{remedy} 1 for no leak.")
        if fast < math.exp(-1):
            tau = -1 / math.log(fast)
            message = (
                f"{name}={fast:.4g} is a time constant of {tau:.3g} steps, less than one: hardly anything is kept."
            )
            yield Finding("fast_decay", "info", path, tau, message, f"{remedy} 0 for no memory.")


def _threshold(path: str, neuron: Any) -> Iterator[Finding]:
    lowest = float(neuron.threshold.detach().min())
    if lowest <= 0:
        message = (
            f"The threshold is {lowest:.4g}, at or below the membrane at rest: the neuron fires without any input."
        )
        remedy = (
            "Start from a threshold above 0; keep a learned one there by snn.bounded(neuron, 'threshold', high=...)."
        )
        yield Finding("threshold_not_positive", "warning", path, lowest, message, remedy)


def _of(neuron: Any, name: str, otherwise: Tensor | None = None) -> Tensor | None:
    value = getattr(neuron, name, None)
    return value.detach() if isinstance(value, Tensor) else otherwise
