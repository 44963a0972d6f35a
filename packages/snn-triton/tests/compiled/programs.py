"""The step programs of all neurons that snn-core's tests have."""

from __future__ import annotations

from typing import Any

import torch

import snn_core as snn
from snn_core.programs.program import StepProgram
from trust.neurons import zoo

__all__ = ["CASES", "DTYPES", "PROGRAMS", "VARIANTS", "WITHOUT", "program_of"]

DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float64": torch.float64,
}


def program_of(case: Any, **options: Any) -> StepProgram:
    """Return the program of a case of the zoo.

    Args:
        case: The case.
        options: Of the neuron, besides its own.
    """
    return snn.program(case.make(**options).float(), axes=len(case.shape), sample=case.shape[1:])


def _programs(cases: list[Any]) -> tuple[dict[str, StepProgram], set[str]]:
    programs, without = {}, set()
    for case in cases:
        try:
            programs[case.name] = program_of(case)
        except ValueError:
            without.add(case.name)
    return programs, without


PROGRAMS, WITHOUT = _programs(zoo.NEURONS)
VARIANTS, _ = _programs(zoo.VARIANTS)  # with every option
CASES = {case.name: case for case in zoo.NEURONS if case.name in PROGRAMS}
