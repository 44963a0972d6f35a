"""The export of a net as C99: one header and one source, which allocate no memory and have no dependencies."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core import stream
from snn_core.effects import RandomStates
from snn_core.results import Line
from snn_export.c.calls import calls_of
from snn_export.c.folder import ExportedFiles
from snn_export.c.integers import integer_source
from snn_export.c.lowering import Lowering
from snn_export.c.names import Names
from snn_export.c.replay import Replay
from snn_export.c.source import Source, source_of

__all__ = ["CExport", "source_for", "write_c"]

_INTEGER_NET = "snn_functional.quant.integer_net", "IntegerNet"  # not imported unless the user has imported it


@dataclass(frozen=True, repr=False)
class CExport(ExportedFiles):
    """A net in C.

    Args:
        files: The texts by file name: ``net.h``, ``net.c`` and, if a sequence was recorded, ``net_main.c``, when the
            name of the net is ``net``.
        report: The memory and operations of the net.
    """

    files: Mapping[str, str]

    def _lines(self) -> list[Line]:
        return [f"files: {', '.join(self.files)}", *self.report._lines()]


def write_c(
    net: nn.Module,
    inputs: Sequence[Tensor],
    path: str | os.PathLike[str] | None,
    *,
    over: str,
    dynamic: frozenset[str],
    ram: int | None = None,
    flash: int | None = None,
    recorded: Tensor | None = None,
) -> CExport:
    """Write one step of a net, for one sample, in C99.

    The source has a struct ``net_state``, a function ``net_reset`` that puts it at rest, and ``net_step`` that computes
    one time step, if the name of the net is ``net``. It needs only ``math.h``, and only if a neuron computes a root, an
    exponential or the like. Every neuron is its step program (:func:`snn_core.program`); batch normalization is folded
    into the layer before it. Products of spikes skip zeros.

    Raises:
        ValueError: If more than a step of one input is requested, the net does not take it or cannot be written in C,
            with the layer and the reason, or takes more than is allowed. In all cases nothing is written.
        TypeError: If an option is of the wrong kind, or the net computes in a dtype other than float32.
        OSError: If the files cannot be written.
    """
    names = Names() if path is None else Names(_called(path))
    source = source_for(net, inputs, names, over=over, format="c", recorded=recorded)
    source.report.must_fit(ram, flash)
    files = {f"{names.net}.h": source.header(), f"{names.net}.c": source.code()}
    if recorded is not None:
        files[f"{names.net}_main.c"] = _replay(net, recorded, source).code()
    export = CExport(files, source.report)
    if path is not None:
        export.write(Path(path).parent)
    return export


def _called(path: str | os.PathLike[str]) -> str:
    """Return the name of a net, from the file to which it is written."""
    file = Path(path)
    if file.suffix != ".c":
        raise ValueError(f"a net in C is written to a file that ends in .c, got {str(path)!r}")
    return file.stem


def source_for(
    net: nn.Module, inputs: Sequence[Tensor], names: Names, *, over: str, format: str, recorded: Tensor | None = None
) -> Source:
    """Return the source in C of one step of a net, for one sample.

    Raises:
        ValueError: If more than a step of one input is requested, or the net does not take it or cannot be written.
        TypeError: If an input is of the wrong kind, or the net computes in a dtype other than float32.
    """
    if over != "step":
        language = "C" if format == "c" else "JavaScript"
        raise ValueError(
            f"export: format={format!r} writes one step, which a loop in {language} calls; pass over='step'"
        )
    if len(inputs) != 1:
        raise ValueError(f"export: format={format!r} is for nets of one input, got {len(inputs)}")
    x = inputs[0].long() if _is_integer(net) else inputs[0]
    _check(net, x, recorded)
    return integer_source(net, x, names) if _is_integer(net) else _float_source(net, x, names)


def _float_source(net: nn.Module, x: Tensor, names: Names) -> Source:
    for kind, tensors in (("parameter", net.named_parameters()), ("buffer", net.named_buffers())):
        for name, tensor in tensors:
            if tensor.is_floating_point() and tensor.dtype != torch.float32:
                raise TypeError(f"the {kind} {name!r} is {tensor.dtype}; a net in C has float32, call net.float()")
    whole = bool((x == x.round()).all()) and bool((x.abs() <= 1).all()) and bool(x.any())
    lowering = Lowering(calls_of(net, x), names, spikes=whole)
    return source_of(lowering.nodes, lowering.input, lowering.outputs(), ("float", "float"), names)


def _is_integer(net: nn.Module) -> bool:
    return any((kind.__module__, kind.__name__) == _INTEGER_NET for kind in type(net).__mro__)


def _check(net: nn.Module, x: Tensor, recorded: Any) -> None:
    if not isinstance(recorded, Tensor | None):
        raise TypeError(f"recorded is a {type(recorded).__name__}; pass a tensor")
    for name, tensor, expected in (("x", x, "[batch, ...]"), ("recorded", recorded, "[T, batch, ...]")):
        if tensor is None:
            continue
        if tensor.dim() < 2 - (name == "x") or not tensor.numel():
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; pass {expected} with one sample or more")
        if _is_integer(net) and tensor.dtype not in (torch.int32, torch.int64):
            raise TypeError(f"{name} is {tensor.dtype}; an integer net takes int32 or int64")
        if not _is_integer(net) and tensor.dtype != torch.float32:
            raise TypeError(f"{name} is {tensor.dtype}; a net in C takes float32, pass {name}.float()")
    if recorded is not None and recorded.shape[2:] != x.shape[1:]:
        raise ValueError(f"recorded has samples of {tuple(recorded.shape[2:])}, but x has {tuple(x.shape[1:])}")


def _replay(net: nn.Module, xs: Tensor, source: Source) -> Replay:
    if source.bounds is not None and int(xs.max()) > source.bounds[1]:
        raise ValueError(
            f"recorded contains {int(xs.max())}; the net in C takes {source.bounds[0]} to {source.bounds[1]}"
        )
    with RandomStates():
        run = stream(net)
        steps = [torch.cat([o.reshape(len(x), -1).cpu() for o in tree_leaves(run(x))], 1) for x in xs]
    exact, end = [], 0
    for view in source.outputs:
        begin, end = end, end + view.buffer.size
        if source.bounds is not None or view.buffer.spikes:
            exact.append((begin, end))
    inputs = xs.cpu().reshape(*xs.shape[:2], -1).transpose(0, 1)
    return Replay(inputs, torch.stack(steps).transpose(0, 1), exact, source.ctypes, source.names.net)
