"""Models of ONNX, which ONNX Runtime and many others run."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from snn_core.files import whole_file
from snn_export.program import Program, first_lines
from snn_export.sequence import program_of

if TYPE_CHECKING:
    import onnx

OPSET = 18
_LARGEST = 2**31 - 1  # bytes of a file of Protocol Buffers


def export_onnx(
    net: nn.Module,
    inputs: Sequence[Tensor],
    path: str | os.PathLike[str] | None,
    *,
    over: str,
    dynamic: frozenset[str],
) -> onnx.ModelProto:
    """Export a net to a checked ONNX model with operators of opset 18.

    Its metadata contains the versions, ``over``, and the states with their shapes.

    Raises:
        ValueError: If ONNX has no operator for something that the net does, or the model is larger than 2 GiB.
        ImportError: If onnxscript is too old for this PyTorch.
    """
    import onnx

    program = program_of(net, inputs, over, dynamic)
    weights = (*program.exported.state_dict.values(), *program.exported.constants.values())
    _must_fit(sum(weight.nbytes for weight in weights if isinstance(weight, Tensor)))
    model = _model(program, net)
    _must_fit(model.ByteSize())
    onnx.checker.check_model(model)
    if path is not None:
        with whole_file(path) as file:
            file.write(model.SerializeToString(deterministic=True))
    return model


def _must_fit(size: int) -> None:
    if size > _LARGEST:
        raise ValueError(
            f"export: the model takes {size / 2**30:.1f} GiB, but an ONNX file at most 2; export its parts"
        )


def _model(program: Program, net: nn.Module) -> onnx.ModelProto:
    from onnx.helper import set_model_props

    try:
        with warnings.catch_warnings(action="ignore"):
            converted = torch.onnx.export(
                program.exported,
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[entry.name for entry in program.inputs],
                output_names=[entry.name for entry in program.outputs],
            )
    except ImportError as error:
        raise ImportError(
            f"export: PyTorch {torch.__version__} needs a newer onnxscript ({error}): pip install -U onnxscript"
        ) from error
    except torch.onnx.OnnxExporterError as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        free = program.over == "sequence" and "time" in program.inputs[0].shape
        remedy = "; pass dynamic=('batch',), which writes the steps of x out" if free else ""
        message = f"{type(net).__name__} cannot be written in ONNX: {first_lines(cause)}{remedy}"
        raise ValueError(f"export: {message}") from error
    assert converted is not None
    _clean(converted.model, program)
    model = converted.model_proto
    record = json.loads(program.as_json())
    versions = {name.replace("-", "_"): version for name, version in record["versions"].items()}
    set_model_props(model, {**versions, "over": program.over, "states": json.dumps(record["states"])})
    return model


def _clean(model: Any, program: Program) -> None:
    """Give free axes their own names instead of the exporter's, and forget the files from which nodes were made."""
    names: dict[Any, str] = {}
    ends = (*model.graph.inputs, *model.graph.outputs)
    for value, entry in zip(ends, (*program.inputs, *program.outputs), strict=True):
        for dim, size in zip(value.shape, entry.shape, strict=True):
            if isinstance(size, str) and not isinstance(dim, int):
                names.setdefault(dim, size)
    for graph in (model.graph, *model.graph.subgraphs(), *model.functions.values()):
        for value in (*graph.inputs, *(output for node in graph for output in node.outputs)):
            for axis, dim in enumerate(value.shape or ()):
                if dim in names:
                    value.shape[axis] = names[dim]
        for node in graph:
            node.metadata_props.clear()
            node.doc_string = None
