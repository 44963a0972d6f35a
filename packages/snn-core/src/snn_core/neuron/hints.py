"""Hints for errors in which torch says what it got but not where it came from, such as tuples, integers and devices."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from types import FrameType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.engines.fused import broadcasts
from snn_core.neuron.temporal import Temporal

_SEQUENTIAL = nn.Sequential.forward.__code__
_AXES = {nn.Linear: 2, nn.Conv1d: 3, nn.Conv2d: 4, nn.Conv3d: 5}  # of a batch of a layer's input
_OVER_TIME = {nn.BatchNorm1d: "BatchNormOverTime1d", nn.BatchNorm2d: "BatchNormOverTime2d"}
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
    """Add a note with the origin and a remedy to an error of torch, about a tuple or the input, raised by a net."""
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
        for note in (other_dtype(net, xs) if "type" in str(error) else "", _other_axes(net, xs)):
            if note:
                error.add_note(note)
    elif isinstance(error, ValueError) and "more than 1 value per channel" in str(error):
        error.add_note(_single_sample(net))


def _single_sample(net: nn.Module) -> str:
    """Return a note on batch normalization of the samples in one step, if only one sample runs in it."""
    norms = [(path, m) for path, m in net.named_modules() if m.training and not isinstance(m, Temporal)]
    of_kind = ((path, m, name) for path, m in norms for kind, name in _OVER_TIME.items() if isinstance(m, kind))
    path, norm, over_time = next(of_kind, ("", net, "BatchNormOverTime1d"))
    return (
        f"{path!r} ({type(norm).__name__}) normalizes over the samples of each step, and some step has only one; "
        f"snn_core.{over_time} normalizes over all steps of all samples"
    )


def other_dtype(net: nn.Module, xs: Tensor) -> str:
    """Return a note if no parameter has the dtype of the input, or an empty string."""
    dtypes = {name: weight.dtype for name, weight in net.named_parameters() if weight.is_floating_point()}
    if not dtypes or xs.is_complex() or xs.dtype in dtypes.values():
        return ""
    name, dtype = next(iter(dtypes.items()))
    cast = "xs.float()" if dtype == torch.float32 else f"xs.to({dtype})"
    return f"xs has dtype {xs.dtype}, {name!r} of the net {dtype}: pass {cast}"


def _other_axes(net: nn.Module, xs: Tensor) -> str:
    """Return a note if a step of the input has another number of axes than a batch of the net's first layer."""
    modules = net.named_modules()
    layers = ((path, m, axes) for path, m in modules for kind, axes in _AXES.items() if isinstance(m, kind))
    path, layer, axes = next(layers, ("", net, xs.dim() - 1))
    step, of_layer = f"a step of xs has shape {tuple(xs.shape[1:])}", f"for {path!r} ({type(layer).__name__})"
    if xs.dim() <= axes:
        remedy = "unroll takes xs[T, batch, ...]: to show one batch x in each step, pass x.expand(num_steps, *x.shape)"
        return f"{step}, without an axis of the batch {of_layer}; {remedy}"
    if xs.dim() > axes + 1 and not isinstance(layer, nn.Linear):
        return f"{step}, with more axes than a batch {of_layer}; a step is [batch, ...], without an axis of time"
    return ""


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
