"""Programs of torch.export with names for what goes in and out; every format is made of one."""

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
    """A program and what it takes and returns, in order.

    Args:
        exported: The program.
        over: ``"step"`` or ``"sequence"``.
        inputs: What it takes; behind the input of a step, the states.
        outputs: What it returns: the outputs, and the states behind them.
        states: The names of the states among the inputs, or where these have none, as they are at the end.
    """

    exported: ExportedProgram
    over: str
    inputs: list[Entry]
    outputs: list[Entry]
    states: list[Entry]

    def as_json(self) -> str:
        """Return in JSON what the program is, and by which versions it was made."""
        versions = {"snn-export": __version__, "snn-core": snn_core.__version__, "torch": str(torch.__version__)}
        parts = {name: [vars(entry) for entry in getattr(self, name)] for name in ("inputs", "outputs", "states")}
        return json.dumps({"versions": versions, "over": self.over, **parts})


def entries(tensors: Mapping[str, Tensor], free: Sequence[tuple[int, str]]) -> list[Entry]:
    """Describe tensors.

    Args:
        tensors: The tensors by name.
        free: Axes that are free, and what each is called.

    Returns:
        A description of each.

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
    """Trace a module that takes and returns tensors.

    Args:
        module: The module.
        inputs: Its inputs; only their shapes, dtypes and devices count.
        free: For each input the axes that are free, and what each is called.
        owner: The net that it is of.
        bounded: Whether free axes are at most as long as those of the inputs.

    Returns:
        The program, in which no file is named.

    Raises:
        ValueError: If it cannot be traced.
    """
    if bounded:  # an axis of one is then a constant
        free = [[(i, name) for i, name in axes if one.shape[i] > 1] for one, axes in zip(inputs, free, strict=True)]
    sizes = {name: one.shape[i] for one, axes in zip(inputs, free, strict=True) for i, name in axes}
    dims = {name: Dim(name, min=1, max=size) if bounded else Dim(name) for name, size in sizes.items()}
    shapes = tuple({axis: dims[name] for axis, name in axes} for axes in free)
    given = [
        one.new_zeros(one.shape) if bounded else _at_least_two(one, axes)
        for one, axes in zip(inputs, free, strict=True)
    ]
    writing_out = WRITES_OUT.set(True)
    try:
        with torch.no_grad(), quiet(), at_rest(owner):
            exported = torch.export.export(module, tuple(given), dynamic_shapes=(shapes,), strict=False)
    except Exception as error:  # of any kind: those of torch.export are not public
        raise ValueError(f"export: {type(owner).__name__} cannot be traced: {_why(error, [*dims])}") from error
    finally:
        WRITES_OUT.reset(writing_out)
    forget_files(exported)
    return exported


def forget_files(exported: ExportedProgram) -> None:
    """Take the names of source files, which are this machine's, out of a program."""
    for part in exported.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)


def _at_least_two(tensor: Tensor, free: Sequence[tuple[int, str]]) -> Tensor:
    """Return zeros of the same kind, free axes of them longer than 1, of which torch.export would make a constant."""
    sizes = list(tensor.shape)
    for axis, _ in free:
        sizes[axis] = 2
    return tensor.new_zeros(sizes)


def _why(error: BaseException, free: Sequence[str]) -> str:
    """Return what an error of torch.export means, in the words of this package where it is about free axes."""
    said = str(error)
    axes = [name for name in free if f"marked {name} as dynamic" in said or f"values of {name} " in said]
    if axes:
        fixed = tuple(name for name in free if name not in axes)
        return f"it asks for a fixed {' and '.join(axes)}; pass dynamic={fixed!r}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " ".join(lines[:3])[:500]


def axes_of(dynamic: frozenset[str], names: Sequence[str]) -> list[tuple[int, str]]:
    """Return the free axes of a tensor whose first axes have these names."""
    return [(axis, name) for axis, name in enumerate(names) if name in dynamic]


def must_be_same(of_net: Mapping[str, Tensor], of_program: Sequence[Tensor], owner: nn.Module) -> None:
    """Raise if a program gives something else than the net, by more than rounding."""
    for (name, one), other in zip(of_net.items(), of_program, strict=True):
        if one.shape != other.shape or not torch.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise ValueError(
                f"export: {name!r} of the program is not that of {type(owner).__name__}, whose step depends on more "
                "than its input and what its neurons keep; pass whatever it counts or keeps in and out"
            )
