"""Hints for errors in which torch says what it got but not where it came from: tuples, integers, devices, constants."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from types import FrameType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.kernels.fused import broadcasts
from snn_core.neuron.temporal import Temporal

_SEQUENTIAL = nn.Sequential.forward.__code__
OUTPUT = "output=True", "output=True is for the last neuron"  # the reason why a neuron returns a tuple, and the remedy


def must_not_pass_on(neuron: Temporal, why: str, remedy: str) -> None:
    """Raise if the neuron whose ``forward`` calls this function returns its tuple to a layer that does not take one.

    Only an ``nn.Sequential`` passes a tuple on unnoticed, and only torch's own layers and neurons are known not to take
    one. Hooks may unpack it. The message names the neuron and the layer by their paths in the outermost sequence.
    """
    if torch.compiler.is_compiling():
        return
    frame = _caller(sys._getframe())
    if frame is None or frame.f_code is not _SEQUENTIAL or neuron._forward_hooks:
        return
    outermost: nn.Module = neuron
    is_last = True
    while frame is not None and frame.f_code is _SEQUENTIAL:
        sequence = frame.f_locals["self"]
        layers = list(sequence._modules.values())
        is_last = is_last and layers.index(outermost) == len(layers) - 1
        outermost, frame = sequence, _caller(frame.f_back)
    if is_last:
        return
    for path, module, behind, layer in _neighbors(outermost):
        if module is neuron and _takes_no_tuple(layer):
            raise TypeError(_passed_on(path, neuron, why, behind, layer, remedy))


def _caller(frame: FrameType | None) -> FrameType | None:
    """Return the first frame, from this one outward, that is neither in this package nor part of a module's call."""
    between = "snn_core.", "torch.nn.modules.module"
    while frame is not None and frame.f_globals.get("__name__", "").startswith(between):
        frame = frame.f_back
    return frame


def _neighbors(net: nn.Module) -> Iterator[tuple[str, nn.Module, str, nn.Module]]:
    """Yield each layer within an ``nn.Sequential`` and the next layer, which gets its output, with their paths."""
    for path, sequence in net.named_modules():
        if isinstance(sequence, nn.Sequential):
            prefix = f"{path}." if path else ""
            for (name, layer), (behind, following) in pairwise(sequence._modules.items()):
                while isinstance(layer, nn.Sequential) and layer._modules:  # its output comes from its last layer
                    last, layer = list(layer._modules.items())[-1]
                    name = f"{name}.{last}"
                yield prefix + name, layer, prefix + behind, following


def _takes_no_tuple(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Identity) or layer._forward_pre_hooks:
        return False
    if isinstance(layer, nn.Sequential):
        return any(_takes_no_tuple(first) for first in list(layer)[:1])
    forward = layer.forward  # a method, unless it was replaced
    return isinstance(forward, MethodType) and forward.__module__.startswith(("torch.nn.modules.", "snn_core."))


def _passed_on(path: str, neuron: nn.Module, why: str, behind: str, layer: nn.Module, remedy: str) -> str:
    passed = f"{path!r} ({type(neuron).__name__}) has {why} and returns a tuple to {behind!r} ({type(layer).__name__})"
    return f"{passed}; {remedy}"


def point_out(error: Exception, net: nn.Module, xs: Tensor) -> None:
    """Add a note with the origin and a remedy to torch's error about a tuple, dtype or device, raised by a net."""
    if isinstance(error, TypeError) and "tuple" in str(error):
        for path, neuron, behind, layer in _neighbors(net):
            names: Any = getattr(neuron, "output_names", ())
            if len(names) > 1 and getattr(neuron, "output", False):
                note = _passed_on(path, neuron, OUTPUT[0], behind, layer, OUTPUT[1])
                if note != str(error):
                    error.add_note(note)
    elif isinstance(error, RuntimeError):
        tensors = (*net.named_parameters(), *net.named_buffers())
        elsewhere = next(((name, tensor.device) for name, tensor in tensors if tensor.device != xs.device), None)
        if elsewhere is not None:
            name, device = elsewhere
            error.add_note(f"xs is on {xs.device}, {name!r} of the net on {device}: move one to the other")
    if isinstance(error, RuntimeError) and "type" in str(error) and not xs.is_floating_point() and not xs.is_complex():
        error.add_note(f"xs has dtype {xs.dtype}, which layers such as Linear and Conv2d do not take: pass xs.float()")


def time_first(samples: torch.Size, shape: torch.Size) -> str:
    """Return a remedy if there is one label or length for each entry of axis 0, of time, and not of axis 1, the batch.

    ``samples`` is the shape of the labels or lengths, ``shape`` that of data ``[T, batch, ...]``.
    """
    if len(samples) != 1 or samples[0] != shape[0] or samples[0] == shape[1]:
        return ""
    return "; axis 0 is time: if the data are [batch, T, ...], pass xs.transpose(0, 1) to the net"


def must_broadcast(neuron: nn.Module, what: str, shape: torch.Size, error: RuntimeError, *names: str) -> None:
    """Raise if torch's error in a step comes from constants that do not broadcast against the input or the states.

    The message names those constants. Only those in ``names`` are checked; if none are passed, all of the neuron.
    """
    own = dict(neuron.named_parameters(recurse=False)) | dict(neuron.named_buffers(recurse=False))
    bounded: Any = getattr(neuron, "parametrizations", ())
    shapes = {name: getattr(neuron, name).shape for name in names or (*own, *bounded)}
    unfit = [f"{name} of shape {tuple(of)}" for name, of in shapes.items() if not broadcasts(of, shape)]
    if unfit:
        raise ValueError(
            f"{type(neuron).__name__}: {', '.join(unfit)} does not fit {what} of shape {tuple(shape)}; pass one number "
            "for all neurons, one for each, or one for each channel as (C, 1, 1)"
        ) from error
