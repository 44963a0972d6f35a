"""The comparison of these tests tells wrong kernels: each of some faults, planted in a kernel's text, is caught."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import snn_core as snn
from snn_triton import engine as engines
from snn_triton.engine import Engine
from snn_triton.source import Source

from .comparison import Comparison, drive, offered
from .functions import FUNCTIONS

Fault = Callable[[str], str]


def replaced(old: str, new: str, of: int = 0) -> Fault:
    """A fault that puts other text in place of some, where it occurs for the given time: 0 the first, -1 the last."""

    def fault(text: str) -> str:
        places = text.split(old)
        assert len(places) > 1, f"no {old!r} in\n{text}"
        before = (of % (len(places) - 1)) + 1
        return old.join(places[:before]) + new + old.join(places[before:])

    return fault


FAULTS: dict[str, tuple[str, Fault]] = {
    "a reset after the input is added": ("forward", replaced("v5 = v4 + x", "v5 = v4 + x * v2")),
    "a state that is not kept": (
        "forward",
        replaced("begins = (step == 0) | ((steps - 1 - step) % every == 0)", "begins = step == 0"),
    ),
    "a segment that ends a step early": ("backward", replaced("tl.range(0, length, ", "tl.range(0, length - 1, ")),
    "a segment that stands still": ("backward", replaced("            mem = next_mem", "            mem = mem")),
    "a part of a constant's gradient that is left out": ("backward", replaced("sum_0 += part_0", "sum_0 += 0.0")),
    "a constant's gradient without that of the last step": ("backward", replaced("sum_1 += v12", "sum_1 += 0.0")),
    "a state's gradient that is that of the step behind": (
        "backward",
        replaced("carried_mem = next_mem", "carried_mem = carried_mem", of=-1),
    ),
    "an input that is that of the step behind": ("backward", replaced("x_row -= x_stride", "x_row -= 0", of=-1)),
    "columns behind the last one": ("backward", replaced("back_row -= columns", "back_row -= columns - 1", of=-1)),
}


def comparison() -> Comparison:
    neuron = snn.Leaky(0.9, reset_mechanism="zero", learn_beta=True, learn_threshold=True)
    return Comparison(neuron, drive(9, 3, 4, dtype=torch.float32))


def test_without_a_fault_it_passes() -> None:
    with offered(Engine("cpu", 8, FUNCTIONS)):
        comparison().agrees()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    direction, fault = FAULTS[name]
    original, planted = getattr(engines, f"{direction}_source"), []

    def source(*arguments: object) -> Source:
        result = original(*arguments)
        text = fault(result.text)
        assert text != result.text
        planted.append(text)
        return result._replace(text=text)

    with offered(Engine("cpu", 8, FUNCTIONS)):
        comparison().agrees()
        monkeypatch.setattr(engines, f"{direction}_source", source)
    with offered(Engine("cpu", 8, FUNCTIONS)), pytest.raises(AssertionError):
        comparison().agrees()
    assert planted
