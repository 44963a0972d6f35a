"""The choice of the drawing for each module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

from snn_core import AxonalDelay, BatchNormOverTime1d, BatchNormOverTime2d, GradedSpikes
from snn_core.neuron import Temporal
from snn_nir.codes import refusal
from snn_nir.exporting import layers
from snn_nir.exporting.batchnorm import draw_batch_norm, fold_batch_norm
from snn_nir.exporting.drawing import Drawing, Signal
from snn_nir.exporting.finishing import finished
from snn_nir.exporting.neuron_drawing import NeuronDrawing, where
from snn_nir.exporting.registering import drawing_of
from snn_nir.graphs.metadata import node_metadata, read_metadata

_LAYERS: dict[type, Callable[..., Any]] = {
    nn.Linear: layers.draw_linear,
    nn.Conv1d: layers.draw_conv,
    nn.Conv2d: layers.draw_conv,
    nn.AvgPool2d: layers.draw_avg_pool,
    nn.AdaptiveAvgPool2d: layers.draw_avg_pool,
    nn.Flatten: layers.draw_flatten,
    GradedSpikes: layers.draw_graded,
}
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, BatchNormOverTime1d, BatchNormOverTime2d)
_SAME = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)
_AXES = {nn.Conv1d: 2, nn.Conv2d: 3, nn.AvgPool2d: 3, nn.AdaptiveAvgPool2d: 3}  # of a sample
_REASONS = {
    nn.MaxPool1d: "NIR has no maximum",
    nn.MaxPool2d: "NIR has no maximum",
    nn.ReLU: "NIR's only function of a value is a threshold",
}


def draw_neuron(
    module: Any, name: str, signal: Signal, value: Tensor, used: frozenset[str], drawing: Drawing
) -> dict[str, Any]:
    """Draw one neuron; return its spikes and states."""
    equation, draw = drawing_of(module, name)
    neuron = NeuronDrawing(module, equation, name, drawing, signal, value, used)
    return finished(neuron, draw(module, neuron))


def draw_module(
    module: nn.Module, name: str, signal: Signal, value: Any, drawing: Drawing, before: str | None = None
) -> Any:
    """Draw one layer and return its output; a batch normalization goes into ``before``, a node that feeds only it."""
    kind = type_before_parametrizations(module)
    if isinstance(module, _SAME):
        return signal
    if len(signal.shape) != _AXES.get(kind, len(signal.shape)):
        problem = f"a sample has shape {signal.shape}, where it takes {_AXES[kind]} axes after the batch"
        raise refusal("NIR405", where(module, name), problem)
    if kind in NORMS:
        if before is not None and _is_foldable(before, drawing):
            fold_batch_norm(module, before, drawing, name)
            return signal
        drawn = draw_batch_norm(module, signal, name)
    elif kind is AxonalDelay:
        drawn = layers.draw_delay(module, signal, name, drawing.settings.dt)
    elif kind in _LAYERS:
        drawn = _LAYERS[kind](module, signal, name)
        if drawn is None:
            return signal
    else:
        return _left_out(module, kind, name, signal, value, drawing)
    drawn.metadata = node_metadata(**{"class": kind.__name__})
    placed = drawing.add(name, drawn, signal)
    if kind in WEIGHTED:
        drawing.share(placed, weight=module.weight, bias=module.bias)
    return Signal((placed,), tuple(value.shape[1:]), value.dtype)


def _is_foldable(name: str, drawing: Drawing) -> bool:
    """Return True if a node has weights that it shares with no earlier node, and has no outgoing edge yet."""
    node = drawing.nodes[name]
    own = hasattr(node, "weight") and "shared_with" not in read_metadata(node)
    return own and not any(start == name for start, _ in drawing.edges)


def _left_out(module: nn.Module, kind: type, name: str, signal: Signal, value: Any, drawing: Drawing) -> Signal:
    place = where(module, name)
    why = _REASONS.get(kind, "it keeps a state that no NIR node has" if isinstance(module, Temporal) else "")
    known = ", ".join(layer.__name__ for layer in _LAYERS)
    what = f"{kind.__name__}: {why}" if why else f"{kind.__name__} is not one of {known}"
    if not isinstance(value, Tensor) or tuple(value.shape[1:]) != signal.shape:
        raise refusal("NIR401", place, what, "replace it with a layer that NIR has")
    drawing.leave_out("NIR401", place, what)
    return signal
