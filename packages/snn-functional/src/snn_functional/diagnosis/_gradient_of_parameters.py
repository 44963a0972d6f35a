"""Checks of the gradients of parameters: does the loss depend on every parameter?"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from snn_functional.diagnosis._evidence import SILENT, Evidence, listed
from snn_functional.diagnosis.finding import Finding


def gradient_of_parameters(evidence: Evidence) -> Iterator[Finding]:
    """Yield parameters that the graph does not reach, with a gradient of 0, or with one that is NaN or infinite."""
    if evidence.reported("nonfinite_activity"):
        return
    if not torch.isfinite(evidence.loss):
        message = f"The loss is {float(evidence.loss.detach())}, although its outputs are finite."
        remedy = "Look for a log of 0 or a division by 0 in the loss."
        yield Finding("nonfinite_loss", "error", "", None, message, remedy)
    elif any(gradient is not None for gradient in evidence.gradients.values()):
        for path, gradients in evidence.gradients_by_module().items():
            yield from _of_module(evidence, path, gradients)
    elif any(p.requires_grad for p in evidence.net.parameters()):
        message = f"The loss depends on no parameter{_disabled(evidence)}."
        remedy = "Look for detach(), no_grad(), .item() or argmax between net and loss, and for surrogate_disable=True."
        yield Finding("no_gradient", "error", "", None, message, remedy)


def _of_module(evidence: Evidence, path: str, gradients: dict[str, Tensor | None]) -> Iterator[Finding]:
    unreached = [name for name, gradient in gradients.items() if gradient is None]
    reached = {name: gradient for name, gradient in gradients.items() if gradient is not None}
    broken = [name for name, gradient in reached.items() if not bool(torch.isfinite(gradient).all())]
    zero = [name for name, gradient in reached.items() if gradient.numel() and not bool((gradient != 0).any())]
    if broken:
        message = f"The gradient of {listed(broken)} is NaN or infinite."
        remedy = "Look for a surrogate or a function whose derivative overflows; use a wider dtype than float16."
        yield Finding("nonfinite_gradient", "error", path, len(broken), message, remedy)
    if unreached:
        owners = (*evidence.uses, *evidence.neurons)
        is_called = any(path == owner or path.startswith(f"{owner}." if owner else "") for owner in owners)
        why = _disabled(evidence) if is_called else ": its module is not called"
        message = f"The loss does not depend on {listed(unreached)}{why}."
        remedy = (
            "Look for detach(), surrogate_disable=True or an output that the loss leaves out; freeze what is not "
            "learned by requires_grad_(False)."
        )
        yield Finding("unreached_parameter", "warning", path, len(unreached), message, remedy)
    if zero and not _explained(evidence, path):
        why = " Its input is 0 in every step." if _is_fed_nothing(evidence, path) else ""
        message = f"The gradient of {listed(zero)} is 0 for the whole batch.{why}"
        remedy = (
            "Look at the layer after it: a membrane far from the threshold, a surrogate without a tail, a clamp or a "
            "ReLU that lets nothing pass."
        )
        yield Finding("zero_gradient", "warning", path, len(zero), message, remedy)


def _disabled(evidence: Evidence) -> str:
    paths = [trace.path for trace in evidence.traces() if trace.neuron.surrogate_disable]
    return f": {listed(paths)} has surrogate_disable=True" if paths else ""


def _explained(evidence: Evidence, path: str) -> bool:
    """Return True if earlier findings explain a gradient of 0."""
    if evidence.reported("surrogate_underflow") or evidence.reported("decay_out_of_range", module=path):
        return True
    if evidence.cannot_fire():
        return True
    return evidence.reported(*SILENT, "zero_input") and _is_fed_nothing(evidence, path)


def _is_fed_nothing(evidence: Evidence, path: str) -> bool:
    use = evidence.uses.get(path)
    if use is not None:
        return not use.fed
    for trace in evidence.traces():
        spikes = trace.spikes()
        if spikes is not None and path.startswith(f"{trace.path}." if trace.path else ""):
            return not bool(spikes.any())
    return False
