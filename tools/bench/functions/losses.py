"""Losses, accuracies, penalties and quantized states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.functions.case import BATCH, CLASSES, STEPS, Call, Case, Draw

_RECORDING = f"spikes [{STEPS}, {BATCH}, {CLASSES}]"
_LAST = {"off_target": STEPS - 1}


def _loss(name: str, least: float = 1.0, recording: str = "spikes", **options: Any) -> Case:
    def make(library: Any, draw: Draw) -> Call:
        loss = getattr(library.functional, name)(**options)
        numbers = draw.spikes if recording == "spikes" else draw.uniform
        xs, targets = numbers(STEPS, BATCH, CLASSES).requires_grad_(), draw.labels()
        return Call(lambda: loss(xs, targets), (xs,))

    return Case(name, "losses", f"{recording} [{STEPS}, {BATCH}, {CLASSES}], labels", make, least)


def _accuracy(name: str) -> Case:
    def make(library: Any, draw: Draw) -> Call:
        spk, targets = draw.spikes(STEPS, BATCH, CLASSES), draw.labels()
        return Call(lambda: getattr(library.functional, name)(spk, targets))

    return Case(name, "accuracy", f"{_RECORDING}, labels", make)


def _penalty(library: Any, draw: Draw) -> Call:
    penalty, spk = library.functional.l1_rate_sparsity(), draw.spikes(STEPS, BATCH, CLASSES).requires_grad_()
    return Call(lambda: penalty(spk), (spk,))


def _quantized(bits: int, *shape: int) -> Callable[[Any, Draw], Call]:
    def make(library: Any, draw: Draw) -> Call:
        quantize, mem = library.quant.state_quant(num_bits=bits), draw.uniform(*shape).requires_grad_()
        return Call(lambda: quantize(mem), (mem,))

    return make


def _rounded(library: Any, draw: Draw) -> Call:
    mem, levels = draw.uniform(BATCH, CLASSES).requires_grad_(), draw.uniform(16).sort().values
    return Call(lambda: library.quant.StateQuant.apply(mem, levels), (mem,))


CASES = [
    _loss("ce_rate_loss"),
    _loss("ce_count_loss"),
    _loss("mse_count_loss", correct_rate=0.8, incorrect_rate=0.2),
    _loss("ce_max_membrane_loss", recording="membranes"),
    _loss("mse_membrane_loss", recording="membranes"),
    _loss("mse_temporal_loss", 20.0, **_LAST),
    _loss("ce_temporal_loss", 20.0),
    _accuracy("accuracy_rate"),
    _accuracy("accuracy_temporal"),
    Case("l1_rate_sparsity", "losses", _RECORDING, _penalty),
    Case(
        "state_quant",
        "quantization",
        f"a state [{BATCH}, {CLASSES}], 8 bits",
        _quantized(8, BATCH, CLASSES),
        differs="snn has a level at 0",
    ),
    Case(
        "state_quant, a sequence",
        "quantization",
        f"states [{STEPS}, {BATCH}, {CLASSES}], 2 bits",
        _quantized(2, STEPS, BATCH, CLASSES),
        differs="snn has a level at 0",
    ),
    Case("StateQuant", "quantization", f"a state [{BATCH}, {CLASSES}], 16 levels", _rounded),
]
