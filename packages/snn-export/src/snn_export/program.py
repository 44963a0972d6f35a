"""Programs of torch.export with names for inputs and outputs, the basis of every format."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

import snn_core
from snn_core.neuron import WRITES_OUT
from snn_export._version import __version__
from snn_export.step import at_rest


@dataclass(frozen=True)
class Entry:
    """An input or output of a program: a name, a shape in which free axes have names, and a dtype."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str


@dataclass(frozen=True)
class Program:
    """A program and its inputs and outputs, in order.

    Args:
        exported: The program.
        over: ``"step"`` or ``"sequence"``.
        inputs: Its inputs; after the input of a step, the states.
        outputs: Its outputs, followed by the states.
        states: The states, with their names among the inputs; over a sequence, the states after the last step.
    """

    exported: ExportedProgram
    over: str
    inputs: list[Entry]
    outputs: list[Entry]
    states: list[Entry]

    def as_json(self) -> str:
        """Return a description of the program, and the versions that made it, in JSON."""
        versions = {"snn-export": __version__, "snn-core": snn_core.__version__, "torch": str(torch.__version__)}
        parts = {name: [vars(entry) for entry in getattr(self, name)] for name in ("inputs", "outputs", "states")}
        return json.dumps({"versions": versions, "over": self.over, **parts})


def axes_of(dynamic: frozenset[str], names: Sequence[str]) -> dict[int, str]:
    """Return the names of the free axes of a tensor whose first axes have these names."""
    return {axis: name for axis, name in enumerate(names) if name in dynamic}


def entries(tensors: Mapping[str, Tensor], free: Mapping[int, str]) -> list[Entry]:
    """Describe tensors; their free axes have names."""
    return [
        Entry(name, tuple(free.get(i, n) for i, n in enumerate(t.shape)), str(t.dtype).removeprefix("torch."))
        for name, t in tensors.items()
    ]


def traced(
    module: nn.Module, inputs: Sequence[Tensor], free: Mapping[int, str], owner: nn.Module, bounded: bool
) -> ExportedProgram:
    """Trace a module that takes and returns tensors; the program contains no names of files.

    A bounded program takes free axes that are at most as long as in the inputs.
    """
    # an axis of length 1 becomes a constant
    axes = [{i: name for i, name in free.items() if not bounded or item.shape[i] > 1} for item in inputs]
    longest = {name: item.shape[i] for item, named in zip(inputs, axes, strict=True) for i, name in named.items()}
    dims = {name: Dim(name, min=1, max=size) if bounded else Dim(name) for name, size in longest.items()}
    shapes = tuple({i: dims[name] for i, name in named.items()} for named in axes)
    feed = [
        item.new_zeros([2 if i in free and not bounded else n for i, n in enumerate(item.shape)]) for item in inputs
    ]
    writing_out = WRITES_OUT.set(True)
    try:
        with torch.no_grad(), warnings.catch_warnings(action="ignore"), at_rest(owner):
            exported = torch.export.export(module, tuple(feed), dynamic_shapes=(shapes,), strict=False)
    except Exception as error:  # of any kind, as torch.export's errors are not public
        raise ValueError(f"export: {type(owner).__name__} cannot be traced: {_why(error, [*dims])}") from error
    finally:
        WRITES_OUT.reset(writing_out)
    for part in exported.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # names of source files on this machine
    return exported


def _why(error: BaseException, free: Sequence[str]) -> str:
    """Return what an error of torch.export means, in the words of this package if it concerns free axes."""
    message = str(error)
    axes = [name for name in free if f"marked {name} as dynamic" in message or f"values of {name} " in message]
    if axes:
        fixed = tuple(name for name in free if name not in axes)
        return f"it needs a fixed {' and '.join(axes)}; pass dynamic={fixed!r}"
    return first_lines(error)


def first_lines(error: BaseException) -> str:
    """Return the beginning of an error's message on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:3])[:500]


def must_be_same(of_net: Mapping[str, Tensor], of_program: Sequence[Tensor], owner: nn.Module) -> None:
    """Raise if the outputs of a program differ from those of the net by more than rounding."""
    for (name, item), other in zip(of_net.items(), of_program, strict=True):
        if item.shape != other.shape or not torch.allclose(item, other, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise ValueError(
                f"export: {name!r} of the program differs from that of {type(owner).__name__}, whose step depends on "
                "more than its input and the states of its neurons; turn all else that it keeps into inputs and outputs"
            )
