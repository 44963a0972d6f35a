"""The export of a net as C99: one header and one source, which allocate no memory and have no dependencies."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core import stream
from snn_core.effects import RandomStates
from snn_export.c.calls import calls_of
from snn_export.c.folder import write_folder
from snn_export.c.integers import integer_source
from snn_export.c.lowering import Lowering
from snn_export.c.memory import MemoryReport
from snn_export.c.names import Names
from snn_export.c.replay import Replay
from snn_export.c.source import Source, source_of

__all__ = ["CExport", "export_c", "write_c"]

_INTEGER_NET = "snn_functional.quant.integer_net", "IntegerNet"  # not imported unless the user has imported it


@dataclass(frozen=True)
class CExport:
    """A net in C.

    Args:
        files: The texts by file name: ``net.h``, ``net.c`` and, if a sequence was recorded, ``net_main.c``, when the
            name of the net is ``net``.
        report: The memory and operations of the net.
    """

    files: Mapping[str, str] = field(repr=False)
    report: MemoryReport

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the files to a folder, completely or not at all.

        Args:
            path: The folder, which is created if it does not exist; existing files are replaced.

        Returns:
            The folder.

        Raises:
            OSError: If it cannot be written.
        """
        return write_folder(path, self.files)


def export_c(
    net: nn.Module,
    x: Tensor,
    path: str | os.PathLike[str] | None = None,
    *,
    ram: int | None = None,
    flash: int | None = None,
    recorded: Tensor | None = None,
) -> CExport:
    """Write a net in C99.

    The source has a struct ``net_state``, a function ``net_reset`` that puts it at rest, and ``net_step`` that computes
    one time step of one sample, if the name of the net is ``net``. It allocates nothing and needs only ``math.h``, and
    only if a neuron computes a root, an exponential or the like. Every neuron is its step program
    (:func:`snn_core.program`); layers between neurons are Linear, Conv1d, Conv2d, pooling, batch normalization, which
    is folded into the layer before it, and element-wise functions, sums and concatenations of ``forward``. Products of
    spikes skip zeros. Numbers are float32; an integer net (``quant.integer``) has int8 weights and int32 sums.

    Args:
        net: The net, which takes one time step per call, in evaluation mode; its neurons keep their state
            (``init_hidden=True``).
        x: Input of one step, ``[batch, ...]``; only its shape matters, and whether its values are spikes.
        path: The source, such as ``"digits.c"``, which names the net ``digits`` and its functions ``digits_step`` and
            ``digits_reset``; the other files go beside it. None writes nothing, and names the net ``net``.
        ram: Most bytes of RAM that it may take.
        flash: Most bytes of constants that it may take.
        recorded: Sequences ``[T, batch, ...]``, which ``net_main.c`` replays: it returns 0 if every spike equals the
            spike of the net here.

    Returns:
        The files, and the memory and operations of the net.

    Raises:
        ValueError: If the net does not take ``x`` or cannot be written in C, with the layer and the reason, or takes
            more than is allowed. In all cases nothing is written.
        TypeError: If an argument is of the wrong kind, or the net computes in a dtype other than float32.
        OSError: If the files cannot be written.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> exported = export_c(net, torch.zeros(1, 3))
        >>> [*exported.files], exported.report.flash
        (['net.h', 'net.c'], 32)
    """
    _check(net, x, recorded)
    names = Names() if path is None else Names(_called(path))
    source = integer_source(net, x, names) if _is_integer(net) else _float_source(net, x, names)
    source.report.must_fit(ram, flash)
    files = {f"{names.net}.h": source.header(), f"{names.net}.c": source.code()}
    if recorded is not None:
        files[f"{names.net}_main.c"] = _replay(net, recorded, source).code()
    export = CExport(files, source.report)
    if path is not None:
        export.write(Path(path).parent)
    return export


def write_c(
    net: nn.Module,
    inputs: Sequence[Tensor],
    path: str | os.PathLike[str] | None,
    *,
    over: str,
    dynamic: frozenset[str],
    **options: Any,
) -> CExport:
    """Write a net in C99, as one of the formats of :func:`snn_export.export`.

    Raises:
        ValueError: If more than a step of one input is requested, or in the cases of :func:`export_c`.
    """
    if over != "step":
        raise ValueError("export: format='c' writes one step, which a loop in C calls; pass over='step'")
    if len(inputs) != 1:
        raise ValueError(f"export: format='c' is for nets of one input, got {len(inputs)}")
    x = inputs[0].long() if _is_integer(net) else inputs[0]
    return export_c(net, x, path, **options)


def _called(path: str | os.PathLike[str]) -> str:
    """Return the name of a net, from the file to which it is written."""
    file = Path(path)
    if file.suffix != ".c":
        raise ValueError(f"a net in C is written to a file that ends in .c, got {str(path)!r}")
    return file.stem


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


def _check(net: Any, x: Any, recorded: Any) -> None:
    if not isinstance(net, nn.Module):
        raise TypeError(f"export_c takes a net (nn.Module), got {type(net).__name__}")
    integer = _is_integer(net)
    for name, tensor, axes in (("x", x, 1), ("recorded", recorded, 2)):
        if tensor is None and name == "recorded":
            continue
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} is a {type(tensor).__name__}; pass a tensor")
        if tensor.dim() < axes or not tensor.numel():
            expected = "[batch, ...]" if axes == 1 else "[T, batch, ...]"
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; pass {expected} with one sample or more")
        if integer and tensor.dtype not in (torch.int32, torch.int64):
            raise TypeError(f"{name} is {tensor.dtype}; an integer net takes int32 or int64")
        if not integer and tensor.dtype != torch.float32:
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
