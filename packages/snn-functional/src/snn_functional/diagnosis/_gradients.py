"""The gradients of a loss, computed once for all checks: do they reach membranes, steps, layers and parameters?"""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from snn_functional.diagnosis._evidence import SILENT, Evidence, Trace, listed
from snn_functional.diagnosis.finding import Finding


def take(evidence: Evidence, net: nn.Module) -> None:
    """Fill in the gradients of the parameters of the net that ran, and of its membranes and spikes."""
    traces = evidence.traces()
    named = {name: p for name, p in net.named_parameters() if p.requires_grad}
    watched = [trace.watched() for trace in traces]
    spikes = [[spk for spk in trace.spks if spk is not None and spk.requires_grad] for trace in traces]
    tensors, structure = tree_flatten((named, watched, spikes))
    if not evidence.loss.requires_grad or not tensors:
        return
    # the user's own loop may have cut the graph, so that part of it is no longer used
    gradients = torch.autograd.grad(evidence.loss, tensors, allow_unused=True)
    evidence.gradients, of_watched, of_spikes = tree_unflatten(gradients, structure)
    for trace, own, group in zip(traces, of_watched, of_spikes, strict=True):
        trace.gradients = own
        trace.heard = not group or any(gradient is not None for gradient in group)


def surrogates(evidence: Evidence) -> Iterator[Finding]:
    """Report layers in which most membranes are too far from the threshold for the surrogate to have a derivative."""
    if evidence.reported("nonfinite_activity"):
        return
    for trace in evidence.traces():
        if not trace.membranes or not trace.heard or trace.neuron.surrogate_disable or trace.neuron.inhibition:
            continue
        if "spk" not in trace.neuron.output_names:
            continue
        if evidence.reported("unreachable_threshold", module=trace.path) or evidence.cannot_fire(trace.path):
            continue  # another check reports it
        lost = derivative(trace) < evidence.limits.underflow
        share = float(lost.double().mean())
        if share >= evidence.limits.share:
            message = (
                f"In {100 * share:.0f} % of the neurons the membrane never comes near enough to the threshold for "
                f"{trace.neuron.spike_grad!r} to have a gradient."
            )
            remedy = (
                "Take a surrogate with a smaller slope or a heavier tail, such as surrogate.atan(); or bring the "
                "membranes nearer to the threshold by scaling the weights."
            )
            yield Finding("surrogate_underflow", "warning", trace.path, share, message, remedy)
        elif (inside := _inside(trace)) < evidence.limits.inside:
            message = (
                f"Only {100 * inside:.2g} % of the membranes, over all steps and samples, come near enough to the "
                f"threshold for {trace.neuron.spike_grad!r} to have a gradient."
            )
            remedy = (
                "Take a wider surrogate, or bring the membranes nearer to the threshold: "
                "snn.init.fluctuation_(net, xs) scales the weights until every layer fires."
            )
            yield Finding("narrow_window", "warning", trace.path, inside, message, remedy)


def _inside(trace: Trace) -> float:
    """Return the share of membranes with a surrogate derivative other than 0, in all steps of all samples."""
    inside, spikes = _derivatives(trace) != 0, trace.spikes()
    if not trace.neuron.reset_delay and spikes is not None and spikes.shape == inside.shape:
        inside |= spikes != 0  # only its membrane after the reset is visible
    return float(inside.double().mean())


def _derivatives(trace: Trace) -> Tensor:
    """Return the surrogate derivative of each neuron in each step of each sample."""
    mem = torch.cat(trace.membranes).requires_grad_()
    spk = trace.neuron.fire(mem)
    return torch.autograd.grad(spk.sum(), mem)[0].abs() if spk.requires_grad else torch.zeros_like(mem)


def derivative(trace: Trace) -> Tensor:
    """Return the largest surrogate derivative of each neuron in any step of any sample."""
    neuron, gradients = trace.neuron, _derivatives(trace).amax(0)
    if not neuron.reset_delay and neuron.reset_name != "none":
        # for a neuron that fired, only the membrane after its reset is visible, but it was at the threshold
        spikes = trace.spikes()
        if spikes is not None and spikes.shape[1:] == gradients.shape:
            gradients = torch.where((spikes != 0).any(0), 1.0, gradients)
    return gradients


def gradient_in_time(evidence: Evidence) -> Iterator[Finding]:
    r"""Report layers whose membranes have a gradient that vanishes or explodes on its way back through time.

    For a membrane that is read only in the last step, :math:`|dL/dU[0]| = \beta^{T-1} |dL/dU[T-1]|`.
    """
    for trace in evidence.traces():
        result = trace.norms()
        if result is None or len(result) < 2 or not any(result) or not trace.stepwise:
            continue
        if evidence.reported("vanishing_in_depth", module=trace.path):
            continue  # hardly any gradient enters the layer at all
        largest = max(result)
        last = next(norm for norm in reversed(result) if norm)
        if result[0] < evidence.limits.vanishing * largest:
            message = (
                f"The gradient of the membranes is {result[0]:.1e} in the first step and {largest:.1e} at its largest: "
                "the net does not learn from the first steps."
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
                "weights, or cut it with unroll(net, xs, chunk=..., truncate=True)."
            )
            yield Finding("exploding_in_time", "warning", trace.path, largest / last, message, remedy)


def gradient_in_depth(evidence: Evidence) -> Iterator[Finding]:
    """Report layers with a gradient so small that it is lost in rounding beside another layer's.

    The gradient is that of the membranes, and that of the parameters if no layer of neurons explains it.
    """
    membranes = {trace.path: hypot(*steps) for trace in evidence.traces() if (steps := trace.norms())}
    parameters = {
        path: hypot(*(float(gradient.double().norm()) for gradient in gradients.values() if gradient is not None))
        for path, gradients in evidence.gradients_by_module().items()
    }
    findings = _small(evidence, membranes, "membranes")
    if not findings and not evidence.reported(*SILENT):
        findings = _small(evidence, parameters, "parameters")
    yield from findings


def _small(evidence: Evidence, sizes: dict[str, float], what: str) -> list[Finding]:
    largest, findings = max(sizes.values(), default=0.0), []
    for path, size in sizes.items():
        share = size / largest if largest else 1.0
        if 0 < share < evidence.limits.vanishing and not evidence.cannot_fire(path):
            severity = "error" if share < evidence.limits.vanished else "warning"
            message = f"The gradient of the {what} is {size:.1e}, and that of another layer is {largest:.1e}."
            remedy = "Use a surrogate with a higher peak or a heavier tail, fewer layers, or skip connections."
            findings.append(Finding("vanishing_in_depth", severity, path, share, message, remedy))
    return findings


def gradient_of_parameters(evidence: Evidence) -> Iterator[Finding]:
    """Report parameters that the graph does not reach, with a gradient of 0, or with one that is NaN or infinite."""
    if evidence.reported("nonfinite_activity"):
        return
    if not torch.isfinite(evidence.loss):
        message = f"The loss is {float(evidence.loss.detach())}, although the outputs of the net are finite."
        remedy = "Look for a log of 0 or a division by 0 in the loss."
        yield Finding("nonfinite_loss", "error", "", None, message, remedy)
    elif any(gradient is not None for gradient in evidence.gradients.values()):
        for path, gradients in evidence.gradients_by_module().items():
            yield from _of_module(evidence, path, gradients)
    elif any(p.requires_grad for p in evidence.net.parameters()):
        message = f"The loss does not depend on any parameter{_disabled(evidence)}."
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
        owners = (*evidence.uses, *(trace.path for trace in evidence.traces()))
        is_called = any(path == owner or path.startswith(f"{owner}." if owner else "") for owner in owners)
        why = _disabled(evidence) if is_called else ": its module is not called"
        message = f"The loss does not depend on {listed(unreached)}{why}."
        remedy = (
            "Look for detach(), surrogate_disable=True or an output that the loss leaves out; call "
            "requires_grad_(False) on what should not be learned."
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
