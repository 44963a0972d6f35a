"""Encoders and targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from bench.functions.case import BATCH, CLASSES, STEPS, Call, Case, Draw

_DATA = f"data [{BATCH}, {CLASSES}]"
_LABELS = f"{BATCH} labels of {CLASSES} classes"
_FEW = f"one label of {STEPS} classes"  # the peer takes as many classes as there are steps
_AXES = "snnTorch's has two more axes"
_SHORT = "a call takes a few microseconds; checking the arguments takes half a microsecond of that"
_DRAWN = "drawn at random"
_RATES = {"num_steps": STEPS, "correct_rate": 0.8, "incorrect_rate": 0.2}
_TIMED = {"num_steps": STEPS, "normalize": True, "linear": True}


def _data(draw: Draw) -> torch.Tensor:
    data = draw.uniform(BATCH, CLASSES)
    data[:, 0] = 0  # so every sample has the same latest spike
    return data


def _few_labels(draw: Draw) -> torch.Tensor:
    return draw.labels(1, STEPS)


def _varying(draw: Draw) -> torch.Tensor:
    return draw.uniform(STEPS, BATCH, CLASSES)


def _times(draw: Draw) -> torch.Tensor:
    return (draw.uniform(BATCH, CLASSES) * (STEPS - 1)).round()


def _rows(draw: Draw) -> torch.Tensor:
    return torch.nn.functional.one_hot(draw.labels(), CLASSES).float()


def _case(
    name: str,
    description: str,
    first: Callable[[Draw], torch.Tensor] | None,
    /,
    suffix: str = "",
    differs: str = "",
    note: str = "",
    **options: Any,
) -> Case:
    def make(library: Any, draw: Draw) -> Call:
        arguments = () if first is None else (first(draw),)
        return Call(lambda: getattr(library.spikegen, name)(*arguments, **options))

    return Case(name + suffix, "encoders and targets", description, make, differs=differs, note=note)


CASES = [
    _case("rate", f"{_DATA}, {STEPS} steps", _data, num_steps=STEPS, differs=_DRAWN),
    _case("rate_conv", f"data [{STEPS}, {BATCH}, {CLASSES}]", _varying, differs=_DRAWN),
    _case("latency", f"{_DATA}, {STEPS} steps, linear", _data, **_TIMED),
    _case("latency", f"{_DATA}, {STEPS} steps", _data, ", logarithmic", num_steps=STEPS, tau=5, threshold=0.01),
    _case("latency_code", _DATA, _data, **_TIMED),
    _case("latency_code_linear", _DATA, _data, num_steps=STEPS, normalize=True),
    _case("latency_code_log", _DATA, _data, num_steps=STEPS, normalize=True),
    _case("latency_interpolate", f"times [{BATCH}, {CLASSES}], {STEPS} steps", _times, num_steps=STEPS),
    _case("delta", f"data [{STEPS}, {BATCH}, {CLASSES}]", _varying, threshold=0.5, off_spike=True),
    _case("targets_convert", f"{_LABELS}, {STEPS} steps", Draw.labels, num_classes=CLASSES, **_RATES),
    _case("targets_rate", f"{_LABELS}, {STEPS} steps", Draw.labels, num_classes=CLASSES, **_RATES),
    _case("targets_convert", f"{_FEW}, {STEPS} steps", _few_labels, ", one label", _AXES, num_classes=STEPS, **_RATES),
    _case("targets_rate", f"{_FEW}, {STEPS} steps", _few_labels, ", one label", _AXES, num_classes=STEPS, **_RATES),
    _case("targets_rate", f"{_LABELS}, no steps", Draw.labels, ", at full rate", num_classes=CLASSES),
    _case("targets_latency", f"{_LABELS}, {STEPS} steps", Draw.labels, num_classes=CLASSES, **_TIMED),
    _case("target_rate_code", f"{STEPS} steps", None, num_steps=STEPS, rate=0.3, note=_SHORT),
    _case(
        "rate_interpolate",
        f"{STEPS // 4} times, {STEPS} steps",
        lambda draw: torch.arange(0.0, STEPS, 4),
        num_steps=STEPS,
    ),
    _case("to_one_hot", _LABELS, Draw.labels, num_classes=CLASSES),
    _case("to_one_hot_inverse", f"rows [{BATCH}, {CLASSES}]", _rows),
    _case("from_one_hot", f"rows [{BATCH}, {CLASSES}]", _rows, differs="snnTorch numbers the rows"),
]
