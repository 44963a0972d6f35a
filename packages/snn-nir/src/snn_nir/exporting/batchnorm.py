"""The export of batch normalization with fixed statistics: into the layer before it, or as a layer of its own."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import torch

from snn_nir.codes import refusal
from snn_nir.exporting.drawing import Drawing, Signal, field_type
from snn_nir.exporting.layers import convolution
from snn_nir.graphs.values import array_of, with_axes


def fold_batch_norm(layer: Any, name: str, drawing: Drawing, where: str) -> None:
    r"""Fold a normalization into the weights and bias of the node before it, whose output goes nowhere else.

    .. math:: y = a\,x + b, \qquad a = \gamma/\sqrt{\sigma^2 + \epsilon}, \qquad b = \beta - a\,\mu
    """
    factor, shift = _affine(layer, where)
    node = drawing.nodes[name]
    dtype = node.weight.dtype
    weight = (node.weight * with_axes(factor, node.weight.ndim)).astype(dtype)
    bias = (getattr(node, "bias", 0) * factor + shift).astype(dtype)
    if isinstance(node, nir.Linear):
        node = nir.Affine(weight=weight, bias=bias, metadata=node.metadata)
    else:
        node.weight, node.bias = weight, bias
    drawing.nodes[name] = node
    drawing.unshare(name)


def draw_batch_norm(layer: Any, signal: Signal, where: str) -> Any:
    """Return a normalization as a node: ``Scale`` or, if it shifts, a diagonal matrix or kernel of size 1."""
    factor, shift = _affine(layer, where)
    dtype = field_type(signal.dtype)
    if not shift.any():
        return nir.Scale(scale=np.broadcast_to(with_axes(factor, len(signal.shape)), signal.shape).astype(dtype))
    weight = with_axes(np.diag(factor), len(signal.shape) + 1).astype(dtype)
    bias = shift.astype(dtype)
    return nir.Affine(weight=weight, bias=bias) if weight.ndim == 2 else convolution(weight, bias)


def _affine(layer: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    if layer.running_mean is None:
        problem = f"{type(layer).__name__}(track_running_stats=False) normalizes over the batch"
        raise refusal("NIR410", repr(where), problem, "keep running statistics")
    mean, variance = (array_of(s, torch.float64) for s in (layer.running_mean, layer.running_var))
    factor = 1 / np.sqrt(variance + layer.eps)
    if layer.weight is not None:
        factor = factor * array_of(layer.weight, torch.float64)
    shift = -factor * mean
    if layer.bias is not None:
        shift = shift + array_of(layer.bias, torch.float64)
    return factor, shift
