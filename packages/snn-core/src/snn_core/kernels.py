"""Implementations that run a neuron's whole sequence: the reference loop, and engines that run its step program."""

from snn_core.engines.registry import Arguments, Engine, Upstream, register, status, unregister
from snn_core.engines.registry import loop as loop
from snn_core.neuron.choice import Choice, choose
from snn_core.neuron.choice import run as run
from snn_core.programs.program import Program, StepProgram

__all__ = [
    "Arguments",
    "Choice",
    "Engine",
    "Program",
    "StepProgram",
    "Upstream",
    "choose",
    "register",
    "status",
    "unregister",
]
