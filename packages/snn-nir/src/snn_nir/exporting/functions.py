"""The export of functions and tensor methods of a ``forward``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor

from snn_nir.codes import refusal
from snn_nir.exporting.calls import Call
from snn_nir.exporting.drawing import Drawing, Signal, stored
from snn_nir.exporting.layers import flattening
from snn_nir.graphs.values import without_batch

_SAME = {"contiguous", "detach", "clone", "float", "double", "half", "bfloat16", "to", "type"}
_LAYERS = {
    "linear": "nn.Linear",
    "matmul": "nn.Linear",
    "mm": "nn.Linear",
    "addmm": "nn.Linear",
    "conv1d": "nn.Conv1d",
    "conv2d": "nn.Conv2d",
    "avg_pool2d": "nn.AvgPool2d",
    "adaptive_avg_pool2d": "nn.AdaptiveAvgPool2d",
    "mean": "nn.AdaptiveAvgPool2d(1) for a mean over H and W",
    "batch_norm": "nn.BatchNorm1d or nn.BatchNorm2d",
}
_DROPOUTS = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"}


def draw_function(node: Call, arguments: list[Any], named: list[Any], drawing: Drawing) -> Any:
    """Draw one call; return a signal, or the value itself if it depends on no signal."""
    taken = [*arguments, *named]
    if not any(isinstance(a, Signal) for a in (*taken, *_items(taken))):
        return node.value
    for names, draw in _RULES:
        if node.kind in names:
            return draw(node, arguments, drawing)
    layer = _LAYERS.get(node.kind)
    if layer is not None:
        raise _refused(node, "only its layer can be exported", f"use {layer}")
    raise _refused(node, "NIR has no node for it")


def _items(arguments: list[Any]) -> list[Any]:
    return [item for a in arguments if isinstance(a, list | tuple) and not isinstance(a, Signal) for item in a]


def _refused(node: Call, why: str, remedy: str | None = None) -> Exception:
    return refusal("NIR403", f"{node.name!r}", f"{node.kind}: {why}", remedy)


def _same(node: Call, arguments: list[Any], drawing: Drawing) -> Signal:
    signal, dtype = arguments[0], node.value.dtype
    # everything is written in float32
    widened = dtype == torch.float32 and signal.dtype in (torch.float16, torch.bfloat16)
    if dtype != signal.dtype and not widened:
        raise _refused(node, f"it turns {signal.dtype} into {dtype}", "use one dtype throughout")
    return signal._replace(dtype=dtype)


def _dropout(node: Call, arguments: list[Any], drawing: Drawing) -> Signal:
    training = arguments[2] if len(arguments) > 2 else node.kwargs.get("training", True)
    if training:
        raise refusal(
            "NIR410", repr(node.name), "dropout with training=True", "pass training=self.training, and eval()"
        )
    return arguments[0]


def _add(node: Call, arguments: list[Any], drawing: Drawing) -> Signal:
    if len(arguments) != 2 or node.kwargs:
        raise _refused(node, "with alpha or out", "scale the term, then add")
    first, second = arguments
    if not (isinstance(first, Signal) and isinstance(second, Signal)):
        raise _refused(node, "a constant is added", "add it as the bias of a layer")
    if first.shape != second.shape:
        raise _refused(node, f"shapes {first.shape} and {second.shape} are broadcast", "make them equal")
    return first.plus(second if node.kind == "add" else _scaled(node, second, _factor(-1.0), drawing))


def _multiply(node: Call, arguments: list[Any], drawing: Drawing) -> Signal:
    signals = [a for a in arguments if isinstance(a, Signal)]
    others = [a for a in arguments if not isinstance(a, Signal)]
    if len(signals) != 1 or len(others) != 1 or node.kwargs:
        raise _refused(node, "two values of the network are multiplied")
    return _scaled(node, signals[0], _factor(others[0]), drawing)


def _divide(node: Call, arguments: list[Any], drawing: Drawing) -> Signal:
    signal, divisor = arguments if len(arguments) == 2 else (None, None)
    if not isinstance(signal, Signal) or isinstance(divisor, Signal) or node.kwargs:
        raise _refused(node, "it divides by a value of the network")
    if not bool((torch.frexp(_factor(divisor).double()).mantissa.abs() == 0.5).all()):
        raise _refused(
            node, "it divides by a number that is not a power of two", "multiply by the reciprocal, which may round"
        )
    return _scaled(node, signal, 1 / _factor(divisor), drawing)


def _factor(value: Any) -> Tensor:
    """Return a factor as a tensor; a Python number becomes one in double precision."""
    return value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float64, device="cpu")


def _scaled(node: Call, signal: Signal, factor: Tensor, drawing: Drawing) -> Signal:
    array = without_batch(stored(factor, signal.dtype), len(signal.shape))
    if np.broadcast_shapes(array.shape, signal.shape) != signal.shape:
        raise _refused(node, f"a factor of shape {array.shape} for a value of shape {signal.shape}", "make them equal")
    scale = nir.Scale(np.broadcast_to(array, signal.shape).copy())
    return signal._replace(sources=(drawing.add(node.name, scale, signal),))


def _flatten(node: Call, arguments: list[Any], drawing: Drawing) -> Signal:
    """Draw a reshape that joins neighboring axes."""
    signal: Signal = arguments[0]
    before, after = signal.shape, tuple(node.value.shape[1:])
    if not node.value.dim() or math.prod(before) != math.prod(after):
        raise _refused(node, "it joins the batch axis with others", "keep axis 0")
    if after == before:
        return signal
    joined = len(before) - len(after)
    for start in range(len(after)):
        end = start + joined
        if joined > 0 and after == (*before[:start], math.prod(before[start : end + 1]), *before[end + 1 :]):
            flat = flattening(signal, start + 1, end + 1, repr(node.name))
            return Signal((drawing.add(node.name, flat, signal),), after, signal.dtype)
    raise _refused(node, f"shape {before} becomes {after}", "NIR only joins neighboring axes, by Flatten")


_RULES: tuple[tuple[set[str], Callable[..., Signal]], ...] = (
    (_SAME, _same),
    (_DROPOUTS, _dropout),
    ({"add", "sub", "subtract"}, _add),
    ({"neg"}, lambda node, arguments, drawing: _scaled(node, arguments[0], _factor(-1.0), drawing)),
    ({"mul", "multiply"}, _multiply),
    ({"truediv", "div"}, _divide),
    ({"flatten", "view", "reshape", "squeeze"}, _flatten),
)
