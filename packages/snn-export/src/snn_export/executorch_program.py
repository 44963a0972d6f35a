"""Programs of ExecuTorch, for phones and smaller machines."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.files import whole_file
from snn_export.program import Program
from snn_export.sequence import program_of

MANIFEST = "snn_json"


def export_executorch(
    net: nn.Module,
    inputs: Sequence[Tensor],
    path: str | os.PathLike[str] | None,
    *,
    over: str,
    dynamic: frozenset[str],
) -> Any:
    """Export a net to a program of ExecuTorch, in which XNNPACK computes what it can and portable kernels the rest.

    Its memory is planned for free axes that are at most as long as in the inputs.

    Raises:
        ValueError: If ExecuTorch cannot lower it, or its runtime does not run it with all sizes of the free axes.
    """
    with warnings.catch_warnings(action="ignore"):  # ExecuTorch warns at import
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

    program = program_of(net, inputs, over, dynamic, bounded=True)
    try:
        with warnings.catch_warnings(action="ignore"):
            edge = to_edge_transform_and_lower(
                program.exported, partitioner=[XnnpackPartitioner()], constant_methods={MANIFEST: program.as_json()}
            )
            lowered = edge.to_executorch()
    except Exception as error:  # of any kind, as ExecuTorch's errors have no common class
        message = " ".join(str(error).split())[:500]
        raise ValueError(f"export: {type(net).__name__} cannot be lowered to ExecuTorch: {message}") from error
    _must_run(lowered.buffer, program, inputs, net)
    if path is not None:
        with whole_file(path) as file:
            lowered.write_to_file(file)
    return lowered


def _must_run(buffer: bytes, program: Program, inputs: Sequence[Tensor], net: nn.Module) -> None:
    """Run a program with the sizes of the inputs, and with each free size at 1, or raise."""
    from executorch.runtime import Runtime

    largest = {
        name: tensor.shape[axis]
        for entry, tensor in zip(program.inputs, inputs, strict=False)
        for axis, name in enumerate(entry.shape)
        if isinstance(name, str)
    }
    for sizes in (largest, *({**largest, name: 1} for name in largest)):
        method = Runtime.get().load_program(buffer).load_method("forward")
        shapes = [[sizes[n] if isinstance(n, str) else n for n in entry.shape] for entry in program.inputs]
        dtypes = [getattr(torch, entry.dtype) for entry in program.inputs]
        try:
            method.execute([torch.zeros(shape, dtype=dtype) for shape, dtype in zip(shapes, dtypes, strict=True)])
        except RuntimeError as error:
            fixed = ", ".join(f"a {name} of {size}" for name, size in sizes.items())
            raise ValueError(
                f"export: ExecuTorch does not run {type(net).__name__} with {fixed or 'these sizes'} ({error}); leave "
                "what must be fixed out of dynamic=, or pass dynamic=()"
            ) from error
