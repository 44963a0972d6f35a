"""Step programs: one step of a neuron as element-wise instructions, traced from its own code.

These names are for packages that run or write programs; others import from ``snn_core``.
"""

from snn_core.programs.backward import walk, without
from snn_core.programs.connections import Connection
from snn_core.programs.instructions import CONDITIONS, Operand, lowered, written
from snn_core.programs.program import X_OVER_STEPS, Instruction, Made, Program, Register, StepProgram
from snn_core.programs.window import window_of

__all__ = [
    "CONDITIONS",
    "Connection",
    "Instruction",
    "Made",
    "Operand",
    "Program",
    "Register",
    "StepProgram",
    "X_OVER_STEPS",
    "lowered",
    "walk",
    "window_of",
    "without",
    "written",
]
