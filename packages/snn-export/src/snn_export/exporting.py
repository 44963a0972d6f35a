"""The export of a net as a program that needs none of our packages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from snn_export.formats import writer

_AXES = ("batch", "time")


def export(
    net: nn.Module,
    x: Tensor | Sequence[Tensor],
    path: str | os.PathLike[str] | None = None,
    *,
    format: str,
    over: str = "step",
    dynamic: Sequence[str] = _AXES,
    **options: Any,
) -> Any:
    r"""Export a net as a program for inference that needs none of our packages.

    The kept states of the neurons become inputs and outputs. Over one step the program is

    .. math:: (y[t],\; s_1[t], \dots, s_n[t]) = f(x[t],\; s_1[t-1], \dots, s_n[t-1])

    in which a state is named by its neuron's path, such as ``"1.mem"``, and is zero at rest. Over a sequence it is a
    function of ``xs[T, batch, ...]``, starts at rest, and returns the outputs, then the states after the last step.
    The first two steps of the program, or the sequence, are compared with those of the net, except in C and
    WebAssembly. The states kept in the net do not change.

    Args:
        net: A net called with one step's input, whose neurons keep their state (``init_hidden=True``), in evaluation
            mode. Over one step it may also take its states and return them; over a sequence it may also consist of
            layers that take whole sequences.
        x: The input of one step ``[batch, ...]``, or with ``over="sequence"`` of all steps, ``[T, batch, ...]``. Its
            shape, dtype and device become the program's; its values are used only for the comparison. A tuple if
            the net takes several.
        path: The file, which is written completely or not at all; None to write none.
        format: ``"torch"``: a program of ``torch.export``, written by ``torch.export.save``. ``"onnx"``: a model of
            ONNX; needs ``snn-export[onnx]``. ``"executorch"``: a program of ExecuTorch, in which XNNPACK computes what
            it can; needs ``snn-export[executorch]``. ``"c"``: a header and a source in C99, one step of one sample,
            with names that begin with the name of the file. ``"wasm"``: the same, compiled to WebAssembly for browsers,
            and beside it a module of JavaScript that loads it; needs ``snn-export[wasm]``.
        over: ``"step"`` or ``"sequence"``.
        dynamic: The axes that are free in the program: the ``"batch"``, and over a sequence the ``"time"``, for which
            the program has a loop. Without it the steps of ``x`` are written out one after another.
        options: For ``"c"`` and ``"wasm"``: ``ram`` and ``flash``, the most bytes that the net may take. For ``"c"``:
            ``recorded``, sequences ``[T, batch, ...]`` that a program in C replays, to compare its spikes with those of
            the net here.

    Returns:
        The program: a ``torch.export.ExportedProgram``, which shares its weights with the net; an ``onnx.ModelProto``;
        ExecuTorch's ``ExecutorchProgramManager``; or the files in C or WebAssembly by name (``files``) and their
        memory and operations (``report``).

    Raises:
        ValueError: If an option is unknown; if the net is in training mode where that matters, keeps anything but
            tensors with one entry per sample, does not take ``x``, or does something that cannot be exported.
        TypeError: If ``net`` is not a module, ``x`` or the net's outputs are not tensors, or the format does not have
            an option.
        ImportError: If a requirement of the format is not installed; the message names the command that installs it.
        OSError: If the file cannot be written.
        RuntimeError: If the compiler of WebAssembly fails.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True)).eval()
        >>> step = export(net, torch.zeros(1, 3), format="torch").module()
        >>> spk, mem = step(torch.rand(7, 3), torch.zeros(7, 2))
        >>> spk.shape, mem.shape
        (torch.Size([7, 2]), torch.Size([7, 2]))

    Source: the interfaces of PyTorch 2.13 (``torch.export``, ``torch.onnx``), ONNX, ExecuTorch 1.5 and
    WebAssembly.
    """
    if not isinstance(net, nn.Module):
        raise TypeError(f"export takes a net (nn.Module), got {type(net).__name__}")
    inputs = (x,) if isinstance(x, Tensor) else tuple(x) if isinstance(x, tuple | list) else ()
    if not inputs or not all(isinstance(item, Tensor) for item in inputs):
        raise TypeError(f"export takes a tensor x, or a tuple of tensors, got {type(x).__name__}")
    if not all(item.dim() for item in inputs):
        raise ValueError("export: x must have an axis for the batch, [batch, ...], got a tensor of shape []")
    if over not in ("step", "sequence"):
        raise ValueError(f"export: over must be 'step' or 'sequence', got {over!r}")
    if isinstance(dynamic, str) or not {*dynamic} <= {*_AXES}:
        raise ValueError(f"export: dynamic must name some of 'batch' and 'time' in a tuple, got {dynamic!r}")
    return writer(format, options)(net, inputs, path, over=over, dynamic=frozenset(dynamic), **options)
