"""Models of ONNX, which ONNX Runtime and many others run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from snn_core.files.whole_file import whole_file
from snn_export.program import Program
from snn_export.quiet import quiet
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
    """Export a net to an ONNX model with operators of opset 18.

    Args:
        net: The net.
        inputs: Its inputs.
        path: The file, weights included.
        over: ``"step"`` or ``"sequence"``.
        dynamic: The free axes among ``"batch"`` and ``"time"``.

    Returns:
        The model, which is checked. Its metadata holds the versions, ``over``, and the states with their shapes.

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
            f"export: the model takes {size / 2**30:.1f} GiB, and a file of ONNX at most 2; export its parts"
        )


def _model(program: Program, net: nn.Module) -> onnx.ModelProto:
    from onnx.helper import set_model_props

    try:
        with quiet():
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
        free = program.over == "sequence" and "time" in program.inputs[0].shape
        remedy = "; pass dynamic=('batch',), which writes the steps of x out" if free else ""
        raise ValueError(f"export: {type(net).__name__} cannot be written in ONNX: {_why(error)}{remedy}") from error
    assert converted is not None
    model = converted.model_proto
    _name_axes(model, program)
    for node in _nodes(model):
        del node.metadata_props[:]  # the files and lines from which it was made
        node.doc_string = ""
    record = json.loads(program.as_json())
    states = json.dumps(record["states"])
    versions = {name.replace("-", "_"): version for name, version in record["versions"].items()}
    set_model_props(model, {**versions, "over": program.over, "states": states})
    return model


def _why(error: BaseException) -> str:
    causes = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(cause)
        cause = cause.__cause__
    return " ".join(line.strip() for line in str(causes[-1]).splitlines()[:3])[:500]


def _name_axes(model: onnx.ModelProto, program: Program) -> None:
    """Give free axes their own names instead of the exporter's."""
    names: dict[str, str] = {}
    for values, entries in ((model.graph.input, program.inputs), (model.graph.output, program.outputs)):
        for value, entry in zip(values, entries, strict=True):
            for dim, size in zip(value.type.tensor_type.shape.dim, entry.shape, strict=True):
                if isinstance(size, str) and dim.dim_param:
                    names.setdefault(dim.dim_param, size)
    for value in _values(model):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = names.get(dim.dim_param, dim.dim_param)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _nodes(model: onnx.ModelProto) -> Iterator[Any]:
    for graph in _graphs(model.graph):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _values(model: onnx.ModelProto) -> Iterator[Any]:
    for graph in _graphs(model.graph):
        yield from (*graph.input, *graph.output, *graph.value_info)
    for function in model.functions:
        yield from function.value_info
