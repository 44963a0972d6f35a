"""The choice between programs over one step and over a sequence."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from snn_export.program import Program
from snn_export.sequence import sequence_program
from snn_export.stepping import step_program


def program_of(
    net: nn.Module, inputs: Sequence[Tensor], over: str, dynamic: frozenset[str], bounded: bool = False
) -> Program:
    """Trace a net over one step or a sequence."""
    return (step_program if over == "step" else sequence_program)(net, inputs, dynamic, bounded)
