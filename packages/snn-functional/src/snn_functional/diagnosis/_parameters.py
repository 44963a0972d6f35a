"""Checks of a net's own numbers: parameters, and the range of its decays, time constants, thresholds and delays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snn_core import ALIF, AdLIF, Alpha
from snn_core.neuron import Bounded, Firing
from snn_functional.diagnosis._evidence import Evidence, listed
from snn_functional.diagnosis.finding import Finding


def weights(evidence: Evidence) -> Iterator[Finding]:
    """Report parameters and buffers that are NaN or infinite, and weights that are 0."""
    net = evidence.net
    for name, tensor in (*net.named_parameters(), *net.named_buffers()):
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        path, value = name.rpartition(".")[0], tensor.detach()
        # a threshold may be infinite on purpose: it is never reached
        bad = int((value.isnan() if name.endswith("threshold") else ~torch.isfinite(value)).sum())
        if bad:
            message = f"{bad} of {value.numel()} values of {name!r} are NaN or infinite."
            remedy = (
                "Start again from a checkpoint before that happened, with a smaller learning rate or clipped gradients."
            )
            yield Finding("nonfinite_parameter", "error", path, bad, message, remedy)
        elif value.dim() >= 2 and isinstance(tensor, nn.Parameter) and not _may_be_zero(net, name):
            rows = int((value.flatten(1) == 0).all(1).sum())
            if rows:
                message = f"{rows} of {len(value)} rows of {name!r} are 0: the neurons that they feed get no input."
                remedy = "Initialize the weights at random; after pruning, prune the neurons too."
                yield Finding("zero_weights", "warning", path, rows / len(value), message, remedy)


def _may_be_zero(net: nn.Module, name: str) -> bool:
    """Return True for the padding of an embedding and for delays, for which 0 is a normal value."""
    path, _, own = name.rpartition(".")
    module = net.get_submodule(path)
    return own == "delay" or (isinstance(module, nn.Embedding) and module.padding_idx is not None)


def untrained(evidence: Evidence) -> Iterator[Finding]:
    """Report parameters, such as those of ``learn_beta``, that should be learned but are missing from the optimizer."""
    if evidence.optimizer is None:
        return
    trained = {id(p) for group in evidence.optimizer.param_groups for p in group["params"]}
    named = {name: p for name, p in evidence.net.named_parameters() if p.requires_grad}
    left = [name for name, p in named.items() if id(p) not in trained]
    if left and len(left) == len(named):
        message = "The optimizer has no parameter of this net: its parameters belong to another net."
        remedy = "Make the optimizer from net.parameters(), after everything that replaces parameters."
        yield Finding("not_optimised", "warning", "", len(left), message, remedy)
    elif left:
        message = (
            f"The optimizer does not have {listed(left)}, which should be learned: learn_beta and the like only turn "
            "a constant into a parameter."
        )
        remedy = (
            "Make the optimizer from net.parameters() after snn.bounded, or freeze them with requires_grad_(False)."
        )
        yield Finding("not_optimised", "warning", left[0].rpartition(".")[0], len(left), message, remedy)


def decays(evidence: Evidence) -> Iterator[Finding]:
    """Report decays outside [0, 1], or suspiciously near an end; thresholds at or below rest."""
    for path, neuron in evidence.net.named_modules():
        if isinstance(neuron, Firing):
            yield from _range(path, neuron)
            yield from _pace(path, neuron, evidence)
            yield from _threshold(path, neuron)


def _range(path: str, neuron: Any) -> Iterator[Finding]:
    for name in _decays_of(neuron):
        decay = _of(neuron, name)
        if decay is not None and bool(((decay < 0) | (decay > 1)).any()):
            yield _out_of_range(path, neuron, name, decay.flatten())
    alpha, beta = _of(neuron, "alpha"), _of(neuron, "beta")
    if isinstance(neuron, Alpha) and alpha is not None and beta is not None and bool((alpha <= beta).any()):
        message = "alpha is not greater than beta, so the membrane is not the difference of a slow and a fast current."
        remedy = "Choose alpha > beta; bound learned ones apart from each other: snn.bounded(neuron, 'alpha', low=...)."
        yield Finding("alpha_not_above_beta", "error", path, float((alpha - beta).min()), message, remedy)
    kept = _of(neuron, "membrane_decay")
    if kept is not None and bool((kept < 0).any()):
        steps = float(1 - kept.min())
        message = (
            f"A step is {steps:.4g} times the time constant of the membrane, which therefore swings from step to step."
        )
        remedy = (
            "Make the step shorter than the time constant, which is R*C for Lapicque and must be in the same unit; if "
            "only beta is passed, choose one above 1/e."
        )
        yield Finding("unstable_step", "error", path, steps, message, remedy)


def _decays_of(neuron: Any) -> tuple[str, ...]:
    return ("alpha", "beta", "rho") if isinstance(neuron, ALIF | AdLIF) else ("alpha", "beta")


def _out_of_range(path: str, neuron: nn.Module, name: str, values: Tensor) -> Finding:
    outside = values[(values < 0) | (values > 1)]
    worst = float(outside[(outside - 0.5).abs().argmax()])
    share = f"{name} is {worst:.4g}" if len(values) == 1 else f"{len(outside)} of {len(values)} values of {name}"
    extreme = "" if len(values) == 1 else f" are outside of 0..1, the farthest {worst:.4g}"
    message = f"{share}{extreme}, but a decay per step is from 0 to 1: it is clamped where it is used"
    remedy = f"Pass {name}=snn.decay(tau, dt) for a time constant in seconds."
    if name in neuron._parameters:
        message += ", no gradient flows beyond the bound, and it will not come back by itself"
        remedy = (
            f"Build the neuron with learn_{name}='bounded', which learns it between 0 and 1. In this net, clamp its "
            f"values to between 0 and 1, and then call snn.bounded(neuron, {name!r}). {remedy}"
        )
    return Finding("decay_out_of_range", "warning", path, worst, f"{message}.", remedy)


def _pace(path: str, neuron: Any, evidence: Evidence) -> Iterator[Finding]:
    steps = next((trace.steps for trace in evidence.traces() if trace.path == path), len(evidence.batch))
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
        remedy = f"Compare tau and dt, which must be in the same unit: {name}=snn.decay(tau, dt). Pass"
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
            "Start from a threshold above 0; keep a learned one there with snn.bounded(neuron, 'threshold', high=...)."
        )
        yield Finding("threshold_not_positive", "warning", path, lowest, message, remedy)


def _of(neuron: Any, name: str, otherwise: Tensor | None = None) -> Tensor | None:
    value = getattr(neuron, name, None)
    return value.detach() if isinstance(value, Tensor) else otherwise


def bounds(evidence: Evidence) -> Iterator[Finding]:
    """Report constants kept in a range by ``snn.bounded``, and delays, that are at an end of it."""
    limit = evidence.limits.bound
    for path, module in evidence.net.named_modules():
        for name, value, low, high in _bounded(module):
            share = (value - low) / (high - low)
            counts = {low: int((share < limit).sum()), high: int((share > 1 - limit).sum())}
            count = sum(counts.values())
            if not count:
                continue
            ends = " and ".join(f"{number} at {end:g}" for end, number in counts.items() if number)
            message = (
                f"{count} of {value.numel()} values of {name!r} are within {100 * limit:g} % of an end of their range, "
                f"{ends}: they cannot go farther, and hardly any gradient brings them back."
            )
            remedy = (
                f"Widen the range, if the best value may be outside: snn.bounded(neuron, {name!r}, low=..., high=...) "
                "of a new neuron; start farther inside, or give them a smaller learning rate."
            )
            if name in _decays_of(module) and (low, high) == (0, 1):
                remedy = (
                    "Pass a fixed 1 for no leak, or 0 for no memory, if that is what is learned; start farther inside, "
                    "or give them a smaller learning rate."
                )
            elif name == "delay":
                remedy = (
                    "Pass a larger max_delay, if the best delay may be longer; start between the ends, or give the "
                    "delays a smaller learning rate."
                )
            yield Finding("constant_at_bound", "warning", path, count, message, remedy)


def _bounded(module: nn.Module) -> Iterator[tuple[str, Tensor, float, float]]:
    """Yield the learned constants of a module that have a range, with its ends."""
    if parametrize.is_parametrized(module):
        for name, steps in module.parametrizations.items():  # pyrefly: ignore[not-callable, missing-attribute]
            value = getattr(steps, "original", None)
            if not isinstance(value, Tensor) or not value.requires_grad:
                continue
            value = value.detach()
            for step in steps:
                value = step(value)
                if isinstance(step, Bounded):
                    yield name, value.detach(), step.low, step.high
    delay, longest = module._parameters.get("delay"), getattr(module, "max_delay", None)
    if delay is not None and delay.requires_grad and isinstance(longest, int | float) and longest > 0:
        yield "delay", delay.detach(), 0.0, float(longest)
