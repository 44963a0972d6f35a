"""The gradients of a loss, computed once for all checks; do they reach the first steps and the first layers?"""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot, isfinite

import torch
from torch import nn

from snn_functional.diagnosis._evidence import Evidence
from snn_functional.diagnosis.finding import Finding


def gradient_in_time(evidence: Evidence) -> Iterator[Finding]:
    r"""Yield layers whose membranes have a gradient that vanishes or explodes on its way back through time.

    For a membrane that is read only in the last step, :math:`|dL/dU[0]| = \beta^{T-1} |dL/dU[T-1]|`.
    """
    for trace in evidence.traces():
        result = norms(evidence, trace.path)
        if result is None or len(result) < 2 or not any(result) or not trace.stepwise:
            continue
        largest = max(result)
        last = next(norm for norm in reversed(result) if norm)
        if result[0] < evidence.limits.vanishing * largest:
            message = (
                f"The gradient of the membranes is {result[0]:.1e} in the first step and {largest:.1e} in the largest: "
                "the net does not learn from what happened first."
            )
            remedy = "Use a larger decay, a loss that depends on every step, or a shorter sequence."
            yield Finding("vanishing_in_time", "warning", trace.path, result[0] / largest, message, remedy)
        if largest > evidence.limits.exploding * last:
            message = (
                f"The gradient of the membranes grows from {last:.1e} in the last step that has one to {largest:.1e} "
                "in an earlier step."
            )
            remedy = (
                "Clip it (torch.nn.utils.clip_grad_norm_), use a surrogate with a lower peak, smaller recurrent "
                "weights, or cut it by unroll(net, xs, chunk=..., truncate=True)."
            )
            yield Finding("exploding_in_time", "warning", trace.path, largest / last, message, remedy)


def gradient_in_depth(evidence: Evidence) -> Iterator[Finding]:
    """Yield layers whose membranes have a gradient so small that it is lost in rounding beside another layer's."""
    results = {trace.path: norms(evidence, trace.path) for trace in evidence.traces()}
    sizes = {path: hypot(*steps) for path, steps in results.items() if steps}
    largest = max(sizes.values(), default=0.0)
    for path, size in sizes.items():
        if 0 < size < evidence.limits.vanishing * largest and not evidence.cannot_fire(path):
            message = f"The gradient of the membranes is {size:.1e}, and that of another layer {largest:.1e}."
            remedy = "Use a surrogate with a higher peak or a heavier tail, fewer layers, or skip connections."
            yield Finding("vanishing_in_depth", "warning", path, size / largest, message, remedy)


def take(evidence: Evidence, net: nn.Module) -> None:
    """Fill in the gradients of the parameters of the net that ran, and of its membranes and spikes."""
    named = {name: p for name, p in net.named_parameters() if p.requires_grad}
    traces = evidence.traces()
    watched = [trace.watched() for trace in traces]
    spikes = [[spk for spk in trace.spks if spk is not None and spk.requires_grad] for trace in traces]
    flat = [*named.values(), *(tensor for group in (*watched, *spikes) for tensor in group)]
    if not evidence.loss.requires_grad or not flat:
        return
    # the user's own loop may have cut the graph, so that part of it is no longer used
    gradients_ = iter(torch.autograd.grad(evidence.loss, flat, allow_unused=True))
    evidence.gradients = {name: next(gradients_) for name in named}
    for trace, group in zip(traces, watched, strict=True):
        evidence.over_time[trace.path] = [next(gradients_) for _ in group]
    for trace, group in zip(traces, spikes, strict=True):
        gradients = [next(gradients_) for _ in group]
        if gradients:
            evidence.heard[trace.path] = any(gradient is not None for gradient in gradients)


def norms(evidence: Evidence, path: str) -> tuple[float, ...] | None:
    """Return the gradient's norm in each call of a layer, or None if there is none or it is not finite."""
    result = evidence.over_time.get(path)
    if not result or all(gradient is None for gradient in result):
        return None
    sizes = tuple(0.0 if gradient is None else float(gradient.double().norm()) for gradient in result)
    return sizes if all(map(isfinite, sizes)) else None
