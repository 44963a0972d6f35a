"""Implementations that run a neuron's whole sequence: the reference loop, operators over it, and fused kernels."""

from snn_core.kernels.operator import Choice, choose, define
from snn_core.kernels.operator import run as run
from snn_core.kernels.program import Program, StepProgram
from snn_core.kernels.programs import program as program
from snn_core.kernels.registry import Interpreter, Kernel, SequenceCall, register, status, unregister
from snn_core.kernels.registry import loop as loop
from snn_core.kernels.registry import serves_sequences as serves_sequences

__all__ = [
    "Choice",
    "Interpreter",
    "Kernel",
    "Program",
    "SequenceCall",
    "StepProgram",
    "choose",
    "define",
    "register",
    "status",
    "unregister",
]
