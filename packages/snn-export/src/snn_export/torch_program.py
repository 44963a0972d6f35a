"""Programs of torch.export, which PyTorch runs wherever it is installed."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from snn_core.files import whole_file
from snn_export.sequence import program_of

MANIFEST = "snn.json"


def export_torch(
    net: nn.Module,
    inputs: Sequence[Tensor],
    path: str | os.PathLike[str] | None,
    *,
    over: str,
    dynamic: frozenset[str],
) -> ExportedProgram:
    """Export a net to a program of torch.export; in its file, ``snn.json`` has the names of inputs and outputs."""
    program = program_of(net, inputs, over, dynamic)
    if path is not None:
        with whole_file(path) as file:
            torch.export.save(program.exported, file, extra_files={MANIFEST: program.as_json()})
    return program.exported
