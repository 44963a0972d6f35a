"""The input and output shape of each primitive, without the batch dimension."""

from __future__ import annotations

import math
from typing import Any

import nir
import numpy as np

from snn_nir.codes import NIRError, refusal
from snn_nir.graphs.fields import NEURONS, PRIMITIVES, node_fields, type_name
from snn_nir.graphs.normalizing import shape_of

Shape = tuple[int, ...]


def check_parameters(node: nir.NIRNode, where: str) -> None:
    """Refuse a node whose parameters do not fit each other."""
    name = type_name(node, where)
    shapes = {field: getattr(node, field).shape for field, (kind, _) in PRIMITIVES[name].items() if kind == "values"}
    if name in NEURONS:
        if len(set(shapes.values())) > 1:
            raise _misshapen(where, "one shape for all parameters", shapes)
    elif name in ("Affine", "Linear"):
        weight = shapes["weight"]
        if len(weight) < 2 or shapes.get("bias", weight[:-1]) != weight[:-1]:
            raise _misshapen(where, "weight [..., out, in] and bias [..., out]", shapes)
    elif name in ("Conv1d", "Conv2d"):
        _check_convolution(node, name, shapes, where)


def _check_convolution(node: Any, name: str, shapes: dict[str, Shape], where: str) -> None:
    axes = int(name[4])
    weight = shapes["weight"]
    if len(weight) != 2 + axes or 0 in weight or shapes["bias"] != weight[:1]:
        raise _misshapen(where, f"weight [out, in / groups, {'k' if axes == 1 else 'kh, kw'}] and bias [out]", shapes)
    if weight[0] % node.groups:
        raise refusal("NIR212", f"node {where!r}", f"{weight[0]} output channels in {node.groups} groups")
    if node.padding == "same" and any(step != 1 for step in _per_axis(node.stride, axes)):
        raise refusal("NIR212", f"node {where!r}", f"padding 'same' with stride {node.stride}")


def _misshapen(where: str, rule: str, shapes: dict[str, Shape]) -> NIRError:
    result = ", ".join(f"{field} {list(shape)}" for field, shape in shapes.items())
    return refusal("NIR206", f"node {where!r}", result, f"it takes {rule}")


def fixed_shapes(node: nir.NIRNode, where: str) -> tuple[Shape | None, Shape | None]:
    """Return the input and output shape that a node's own fields determine; None if they leave it open."""
    name = type_name(node, where)
    fields: Any = node
    if name in ("Input", "Output"):
        shape = shape_of(node_fields(node, where)["shape"], f"node {where!r}, shape")
        return shape, shape
    if name in NEURONS:
        shape = getattr(node, next(iter(PRIMITIVES[name]))).shape
        return (shape, shape) if shape else (None, None)  # a single value fits a layer of any shape
    if name in ("Affine", "Linear"):
        weight = fields.weight.shape
        return (*weight[:-2], weight[-1]), weight[:-1]
    if name == "Flatten":
        shape = shape_of(fields.input_type.get("input"), f"node {where!r}, input_type")
    elif name in ("Conv1d", "Conv2d") and fields.input_shape is not None:
        sizes = (fields.input_shape,) if name == "Conv1d" else tuple(fields.input_shape)
        shape = (fields.weight.shape[1] * fields.groups, *sizes)
    else:
        shape = None
    return shape, None if shape is None else output_shape(node, shape, where)


def output_shape(node: nir.NIRNode, shape: Shape, where: str) -> Shape:
    """Return the output shape of a node for an input shape."""
    name = type_name(node, where)
    fields: Any = node
    if name in ("Conv1d", "Conv2d"):
        weight = fields.weight.shape
        if len(shape) != len(weight) - 1 or shape[0] != weight[1] * fields.groups:
            taken = f"[{weight[1] * fields.groups}, {'N' if name == 'Conv1d' else 'H, W'}]"
            raise refusal("NIR204", f"node {where!r}", f"it takes {taken} and gets {list(shape)}")
        return (weight[0], *_windows(shape[1:], weight[2:], fields.stride, fields.padding, fields.dilation, where))
    if name in ("SumPool2d", "AvgPool2d"):
        if len(shape) != 3:
            raise refusal("NIR204", f"node {where!r}", f"it takes [C, H, W] and gets {list(shape)}")
        return (shape[0], *_windows(shape[1:], fields.kernel_size, fields.stride, fields.padding, 1, where))
    if name == "Flatten":
        return _flattened(shape, fields.start_dim, fields.end_dim, where)
    if name in ("Affine", "Linear"):
        return fields.weight.shape[:-1]
    return shape


def _windows(sizes: Shape, kernel: Any, stride: Any, padding: Any, dilation: Any, where: str) -> Shape:
    """Return the number of positions of a sliding window along each axis (Dumoulin and Visin, arXiv:1603.07285, 15)."""
    axes = len(sizes)
    if isinstance(padding, str) and padding == "same":
        return sizes
    pads = (0,) * axes if isinstance(padding, str) else _per_axis(padding, axes)
    extents = [d * (k - 1) + 1 for k, d in zip(_per_axis(kernel, axes), _per_axis(dilation, axes), strict=True)]
    rooms = [size + 2 * pad - extent for size, pad, extent in zip(sizes, pads, extents, strict=True)]
    if any(room < 0 for room in rooms):
        raise refusal("NIR204", f"node {where!r}", f"a window of {extents} on a padded signal of {list(sizes)}")
    return tuple(room // step + 1 for room, step in zip(rooms, _per_axis(stride, axes), strict=True))


def _per_axis(value: Any, axes: int) -> Shape:
    flat = np.asarray(value).reshape(-1).tolist()
    return tuple(flat) if len(flat) == axes else tuple(flat * axes)


def _flattened(shape: Shape, start: int, end: int, where: str) -> Shape:
    rank = max(len(shape), 1)
    if not (-rank <= start < rank and -rank <= end < rank) or start % rank > end % rank:
        problem = f"start_dim {start} and end_dim {end} on shape {list(shape)}"
        raise refusal(
            "NIR204", f"node {where!r}", problem, "NIR counts axes without the batch: all of them are 0 to -1"
        )
    start, end = start % rank, end % rank
    return (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
