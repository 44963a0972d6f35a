"""The gradients of a loss, taken once for all checks."""

from __future__ import annotations

from math import isfinite

import torch
from torch import Tensor, nn

from snn_functional.diagnosis._evidence import Evidence


def take(evidence: Evidence, net: nn.Module) -> None:
    """Fill in the gradients of the parameters of the net that ran, and of its membranes and spikes."""
    assert evidence.loss is not None
    named = {name: p for name, p in net.named_parameters() if p.requires_grad}
    traces = evidence.traces()
    watched = [trace.watched() for trace in traces]
    spikes = [[spk for spk in trace.spks if spk is not None and spk.requires_grad] for trace in traces]
    flat = [*named.values(), *(one for group in (*watched, *spikes) for one in group)]
    if not evidence.loss.requires_grad or not flat:
        return
    # of an own loop, a graph may have been cut so that a part of it is used no more
    found = iter(torch.autograd.grad(evidence.loss, flat, allow_unused=True))
    evidence.gradients = {name: next(found) for name in named}
    for trace, group in zip(traces, watched, strict=True):
        evidence.over_time[trace.path] = [next(found) for _ in group]
    for trace, group in zip(traces, spikes, strict=True):
        gradients = [next(found) for _ in group]
        if gradients:
            evidence.heard[trace.path] = any(gradient is not None for gradient in gradients)


def norms(evidence: Evidence, path: str) -> tuple[float, ...] | None:
    """The gradient's norm in each call of a layer; None where there is none, or it is not finite."""
    found = evidence.over_time.get(path)
    if not found or all(gradient is None for gradient in found):
        return None
    sizes = tuple(0.0 if gradient is None else float(_wide(gradient).norm()) for gradient in found)
    return sizes if all(map(isfinite, sizes)) else None


def _wide(gradient: Tensor) -> Tensor:
    return gradient.double()
