"""Checks of the gradients of parameters: does the loss depend on every parameter?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor

from snn_functional.diagnosis._evidence import SILENT, Evidence, error, listed, warning
from snn_functional.diagnosis.finding import Finding


def gradient_of_parameters(evidence: Evidence) -> Iterator[Finding]:
    """Yield parameters that the graph does not reach, with a gradient of 0, or with one that is NaN or infinite."""
    loss, record = evidence.loss, evidence.record
    if loss is None or record is None or evidence.found("nonfinite_activity"):
        return
    if not torch.isfinite(loss):
        yield error(
            "nonfinite_loss",
            "",
            None,
            f"The loss is {float(loss.detach())}, although its outputs are finite.",
            "Look for a log of 0 or a division by 0 in the loss.",
        )
        return
    if not evidence.gradients or all(gradient is None for gradient in evidence.gradients.values()):
        if any(p.requires_grad for p in evidence.net.parameters()):
            yield error(
                "no_gradient",
                "",
                None,
                f"The loss depends on no parameter{_disabled(evidence)}.",
                "Look for detach(), no_grad(), .item() or argmax between net and loss, and for surrogate_disable=True.",
            )
        return
    yield from _by_module(evidence)


def _by_module(evidence: Evidence) -> Iterator[Finding]:
    modules: dict[str, dict[str, Tensor | None]] = defaultdict(dict)
    for name, gradient in evidence.gradients.items():
        modules[name.rpartition(".")[0]][name] = gradient
    for path, result in modules.items():
        unreached = [name for name, gradient in result.items() if gradient is None]
        broken = [name for name, g in result.items() if g is not None and not bool(torch.isfinite(g).all())]
        zero = [name for name, g in result.items() if g is not None and g.numel() and not bool((g != 0).any())]
        if broken:
            yield error(
                "nonfinite_gradient",
                path,
                len(broken),
                f"The gradient of {listed(broken)} is NaN or infinite.",
                "Look for a surrogate or a function whose derivative overflows; use a wider dtype than float16.",
            )
        if unreached:
            yield _unreached(evidence, path, unreached)
        if zero and not _explained(evidence, path):
            why = " Its input is 0 in every step." if _is_fed_nothing(evidence, path) else ""
            yield warning(
                "zero_gradient",
                path,
                len(zero),
                f"The gradient of {listed(zero)} is 0 for the whole batch.{why}",
                "Look at the layer after it: a membrane far from the threshold, a surrogate without a tail, a clamp or "
                "a ReLU that lets nothing pass.",
            )


def _unreached(evidence: Evidence, path: str, names: list[str]) -> Finding:
    record = evidence.record
    assert record is not None
    is_called = any(
        path == owner or path.startswith(f"{owner}." if owner else "") for owner in (*record.uses, *record.neurons)
    )
    why = _disabled(evidence) if is_called else ": its module is not called"
    return warning(
        "unreached_parameter",
        path,
        len(names),
        f"The loss does not depend on {listed(names)}{why}.",
        "Look for detach(), surrogate_disable=True or an output that the loss leaves out; freeze what is not learned "
        "by requires_grad_(False).",
    )


def _disabled(evidence: Evidence) -> str:
    paths = [trace.path for trace in evidence.traces() if trace.neuron.surrogate_disable]
    return f": {listed(paths)} has surrogate_disable=True" if paths else ""


def _explained(evidence: Evidence, path: str) -> bool:
    """Return True if earlier findings explain a gradient of 0."""
    if evidence.found("surrogate_underflow") or evidence.found_in(path, "decay_out_of_range"):
        return True
    if evidence.cannot_fire():
        return True
    return evidence.found(*SILENT, "zero_input") and _is_fed_nothing(evidence, path)


def _is_fed_nothing(evidence: Evidence, path: str) -> bool:
    assert evidence.record is not None
    use = evidence.record.uses.get(path)
    if use is not None:
        return not use.fed
    for trace in evidence.traces():
        spikes = trace.spikes()
        if spikes is not None and path.startswith(f"{trace.path}." if trace.path else ""):
            return not bool(spikes.any())
    return False
