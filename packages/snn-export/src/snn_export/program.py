"""Programs of torch.export with names for inputs and outputs, the basis of every format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

import snn_core
from snn_core.kernels.operator import WRITES_OUT
from snn_export._version import __version__
from snn_export.quiet import quiet
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
        states: The names of the states among the inputs or, if these have none, at the end of the sequence.
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


def entries(tensors: Mapping[str, Tensor], free: Sequence[tuple[int, str]]) -> list[Entry]:
    """Describe tensors, whose free axes have names.

    Example:
        >>> entries({"x": torch.zeros(2, 3)}, [(0, "batch")])
        [Entry(name='x', shape=('batch', 3), dtype='float32')]
    """
    named = dict(free)
    return [
        Entry(name, tuple(named.get(i, n) for i, n in enumerate(t.shape)), str(t.dtype).removeprefix("torch."))
        for name, t in tensors.items()
    ]


def traced(
    module: nn.Module,
    inputs: Sequence[Tensor],
    free: Sequence[Sequence[tuple[int, str]]],
    owner: nn.Module,
    bounded: bool,
) -> ExportedProgram:
    """Trace a module that takes and returns tensors; the program contains no names of files."""
    if bounded:  # an axis of length one would then be a constant
        free = [[(i, name) for i, name in axes if item.shape[i] > 1] for item, axes in zip(inputs, free, strict=True)]
    sizes = {name: item.shape[i] for item, axes in zip(inputs, free, strict=True) for i, name in axes}
    dims = {name: Dim(name, min=1, max=size) if bounded else Dim(name) for name, size in sizes.items()}
    shapes = tuple({axis: dims[name] for axis, name in axes} for axes in free)
    feed = [
        item.new_zeros(item.shape) if bounded else _at_least_two(item, axes)
        for item, axes in zip(inputs, free, strict=True)
    ]
    writing_out = WRITES_OUT.set(True)
    try:
        with torch.no_grad(), quiet(), at_rest(owner):
            exported = torch.export.export(module, tuple(feed), dynamic_shapes=(shapes,), strict=False)
    except Exception as error:  # of any kind, as torch.export's errors are not public
        raise ValueError(f"export: {type(owner).__name__} cannot be traced: {_why(error, [*dims])}") from error
    finally:
        WRITES_OUT.reset(writing_out)
    forget_files(exported)
    return exported


def forget_files(exported: ExportedProgram) -> None:
    """Remove the names of source files, which are this machine's, from a program."""
    for part in exported.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)


def _at_least_two(tensor: Tensor, free: Sequence[tuple[int, str]]) -> Tensor:
    """Return zeros of the same kind with free axes longer than 1, as torch.export makes an axis of 1 constant."""
    sizes = list(tensor.shape)
    for axis, _ in free:
        sizes[axis] = 2
    return tensor.new_zeros(sizes)


def _why(error: BaseException, free: Sequence[str]) -> str:
    """Return the meaning of an error of torch.export, in the words of this package if it concerns free axes."""
    message = str(error)
    axes = [name for name in free if f"marked {name} as dynamic" in message or f"values of {name} " in message]
    if axes:
        fixed = tuple(name for name in free if name not in axes)
        return f"it needs a fixed {' and '.join(axes)}; pass dynamic={fixed!r}"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines[:3])[:500]


def axes_of(dynamic: frozenset[str], names: Sequence[str]) -> list[tuple[int, str]]:
    """Return the free axes of a tensor whose first axes have these names."""
    return [(axis, name) for axis, name in enumerate(names) if name in dynamic]


def must_be_same(of_net: Mapping[str, Tensor], of_program: Sequence[Tensor], owner: nn.Module) -> None:
    """Raise if the outputs of a program differ from those of the net by more than rounding."""
    for (name, item), other in zip(of_net.items(), of_program, strict=True):
        if item.shape != other.shape or not torch.allclose(item, other, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise ValueError(
                f"export: {name!r} of the program differs from that of {type(owner).__name__}, whose step depends on "
                "more than its input and the states of its neurons; pass whatever it counts or keeps in and out"
            )
