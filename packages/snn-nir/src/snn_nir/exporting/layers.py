"""The export of torch's layers."""

from __future__ import annotations

import math
from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from snn_core import AxonalDelay, GradedSpikes
from snn_nir.codes import refusal
from snn_nir.exporting.drawing import Signal, stored
from snn_nir.graphs.values import array_of, with_axes


def draw_linear(layer: Any, signal: Signal, where: str) -> Any:
    """Return ``Linear`` or ``Affine`` for ``nn.Linear``."""
    if len(signal.shape) != 1:
        problem = f"Linear over input of shape {signal.shape}: NIR's Linear takes vectors"
        remedy = "flatten its input, or use a convolution with kernel 1; the sample is one time step [batch, ...]"
        raise refusal("NIR401", repr(where), problem, remedy)
    if layer.bias is None:
        return nir.Linear(weight=stored(layer.weight))
    return nir.Affine(weight=stored(layer.weight), bias=stored(layer.bias))


def draw_conv(layer: Any, signal: Signal, where: str) -> Any:
    """Return ``Conv1d`` or ``Conv2d``; a missing bias becomes zeros."""
    if layer.padding_mode != "zeros":
        raise refusal("NIR401", repr(where), f"padding_mode={layer.padding_mode!r}: NIR pads with zeros")
    weight = stored(layer.weight)
    bias = np.zeros(len(weight), weight.dtype) if layer.bias is None else stored(layer.bias)
    sizes = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}
    return convolution(weight, bias, **sizes)


def convolution(
    weight: np.ndarray, bias: np.ndarray, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Return ``Conv1d`` or ``Conv2d``, by the axes of its kernels, whose ``input_shape`` is inferred later."""
    kind: Any = nir.Conv1d if weight.ndim == 3 else nir.Conv2d
    return kind(None, weight, stride, padding, dilation, groups, bias)


def draw_avg_pool(layer: Any, signal: Signal, where: str) -> Any:
    """Return ``AvgPool2d``, or ``SumPool2d`` if the divisor is 1."""
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        return _adaptive(layer, signal, where)
    kernel = _pair(layer.kernel_size)
    padding = _pair(layer.padding)
    problem = ""
    if layer.ceil_mode:
        problem = "ceil_mode=True"
    elif layer.divisor_override not in (None, 1, math.prod(kernel)):
        problem = f"divisor_override={layer.divisor_override}"
    elif not layer.count_include_pad and layer.divisor_override is None and any(padding):
        problem = "count_include_pad=False with padding"
    if problem:
        description = f"{problem}: NIR divides by the size of the kernel"
        raise refusal("NIR401", repr(where), description, "pool without it")
    kind = nir.SumPool2d if layer.divisor_override == 1 and math.prod(kernel) != 1 else nir.AvgPool2d
    return kind(kernel_size=np.array(kernel), stride=np.array(_pair(layer.stride)), padding=np.array(padding))


def _adaptive(layer: nn.AdaptiveAvgPool2d, signal: Signal, where: str) -> Any:
    sizes: Any = _pair(layer.output_size)
    inputs = signal.shape[1:]
    outputs = [size if out is None else out for out, size in zip(sizes, inputs, strict=True)]
    kernel, rest = np.divmod(inputs, outputs)
    if rest.any():
        problem = f"AdaptiveAvgPool2d from {inputs} to {tuple(outputs)}: its windows differ in size"
        raise refusal("NIR401", repr(where), problem, "choose an output size that divides the input's")
    return nir.AvgPool2d(kernel_size=kernel, stride=kernel.copy(), padding=np.zeros(2, int))


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def draw_graded(layer: GradedSpikes, signal: Signal, where: str) -> Any:
    """Return a ``Scale`` by the weight of every neuron."""
    return nir.Scale(scale=np.broadcast_to(stored(layer.weights)[:, 0], signal.shape).copy())


def draw_delay(layer: Any, signal: Signal, where: str, dt: float) -> Any:
    """Return a ``Delay`` with one value per neuron, for an ``AxonalDelay`` or a delayed recurrence in whole steps."""
    steps = layer.delay.detach().clamp(0, layer.max_delay)
    spread = layer.kernel == "gaussian" if isinstance(layer, AxonalDelay) else bool(layer.delay_sigma)
    between = steps[steps != steps.round()]
    if spread or len(between):
        result = "it is spread over several steps" if spread else f"a delay of {float(between[0]):g} steps"
        remedy = "round its delays, delay.round_(), and use the linear kernel or delay_sigma=0"
        raise refusal("NIR402", repr(where), f"{result}: NIR delays by whole steps", remedy)
    times = array_of(steps, torch.float64) * dt
    if isinstance(layer, AxonalDelay) and times.ndim:
        times = with_axes(times, len(signal.shape))
    return nir.Delay(np.broadcast_to(times, signal.shape).copy())


def draw_flatten(layer: nn.Flatten, signal: Signal, where: str) -> Any:
    """Return ``Flatten``, or None if there is nothing to flatten."""
    axes = len(signal.shape) + 1
    return flattening(signal, layer.start_dim % axes, layer.end_dim % axes, repr(where))


def flattening(signal: Signal, start: int, end: int, where: str) -> Any:
    """Return ``Flatten`` of some axes, counted with the batch axis; None if it changes nothing."""
    if start < 1:
        raise refusal("NIR401", where, "it flattens the batch axis", "start at axis 1")
    if end <= start:
        return None
    last = len(signal.shape)
    return nir.Flatten(
        input_type={"input": np.array(signal.shape)}, start_dim=start - 1, end_dim=-1 if end == last else end - 1
    )
