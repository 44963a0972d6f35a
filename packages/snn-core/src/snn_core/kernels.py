"""Implementations that run a neuron's whole sequence: the reference loop, and engines that run its step program."""

from snn_core.engines.registry import Engine, register, status, unregister
from snn_core.engines.registry import loop as loop
from snn_core.neuron.choice import Choice, choose
from snn_core.neuron.choice import run as run
from snn_core.programs.program import Program, StepProgram

__all__ = [
    "Choice",
    "Engine",
    "Program",
    "StepProgram",
    "choose",
    "register",
    "status",
    "unregister",
]
