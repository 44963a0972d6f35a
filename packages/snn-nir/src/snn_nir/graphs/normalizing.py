"""Nodes in a common form: values are arrays and sizes are plain numbers, whoever made them."""

from __future__ import annotations

import copy
from typing import Any

import nir
import numpy as np

from snn_nir.codes import refusal
from snn_nir.graphs.fields import PRIMITIVES, type_name
from snn_nir.graphs.values import array_of


def normalized(node: nir.NIRNode, where: str) -> nir.NIRNode:
    """Return a copy of a node whose values are NumPy arrays and whose sizes are plain numbers of one form.

    Tensors become arrays; ``stride=2`` of a two-dimensional node becomes ``(2, 2)``. Nothing is allocated for values
    that are already arrays.
    """
    name = type_name(node, where)
    new = copy.copy(node)
    new.metadata = dict(getattr(node, "metadata", None) or {})
    for field, (kind, _) in PRIMITIVES[name].items():
        if kind != "shape" and (not hasattr(node, field) or (kind != "values" and getattr(node, field) is None)):
            raise refusal("NIR108", f"node {where!r}", field)
        if kind == "values":
            value = getattr(node, field)
            setattr(new, field, _real_array(value, f"node {where!r}, {field}"))
    axes = {"Conv1d": 1, "Conv2d": 2, "SumPool2d": 2, "AvgPool2d": 2}.get(name)
    if axes is not None:
        _normalize_sizes(new, name, axes, where)
    elif name == "Flatten":
        for field in ("start_dim", "end_dim"):
            setattr(new, field, ints(getattr(node, field), f"node {where!r}, {field}", axes=1)[0])
    return new


def _normalize_sizes(new: Any, name: str, axes: int, where: str) -> None:
    least = {"stride": 1, "dilation": 1, "kernel_size": 1, "padding": 0, "input_shape": 1}
    for field, lowest in least.items():
        value = getattr(new, field, None)
        if value is None:
            continue
        value = value.decode("utf8", "replace") if isinstance(value, bytes) else value
        if isinstance(value, str):
            if field != "padding" or name not in ("Conv1d", "Conv2d") or value not in ("same", "valid"):
                raise refusal("NIR212", f"node {where!r}", f"{field} is {value!r}")
            new.padding = value
            continue
        sizes = ints(value, f"node {where!r}, {field}", axes=axes, lowest=lowest)
        if name in ("SumPool2d", "AvgPool2d"):
            setattr(new, field, np.array(sizes))
        else:
            setattr(new, field, sizes[0] if axes == 1 else sizes)
    if hasattr(new, "groups"):
        (new.groups,) = ints(new.groups, f"node {where!r}, groups", axes=1, lowest=1)


def _real_array(value: Any, where: str) -> np.ndarray:
    if hasattr(value, "detach"):
        value = array_of(value)
    if not isinstance(value, (np.ndarray, np.generic, int, float, list, tuple)):
        raise refusal("NIR106", where, f"expected real numbers, got {type(value).__name__}")
    try:
        array = np.asarray(value)
    except ValueError:
        raise refusal("NIR106", where, "expected an array, got a ragged list") from None
    if array.dtype.kind not in "biuf":
        raise refusal("NIR106", where, f"expected real numbers, got dtype {array.dtype}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)  # torch accepts no other byte order


def ints(value: Any, where: str, *, axes: int | None = None, lowest: int | None = None) -> tuple[int, ...]:
    """Return a whole number, or a vector of them, as a tuple of ints; refuse numbers below ``lowest``.

    ``axes`` is the required count, for which a single number is repeated; None allows any count.
    """
    array = _real_array(value, where)
    if array.ndim > 1 or array.size > 64:
        raise refusal("NIR212", where, f"expected a vector of whole numbers, got shape {array.shape}")
    flat = array.reshape(-1)
    if not (np.isfinite(flat).all() and ((flat == np.floor(flat)) & (flat < 2**31) & (flat > -(2**31))).all()):
        raise refusal("NIR212", where, f"expected whole numbers below 2**31, got {flat.tolist()}")
    numbers = tuple(int(number) for number in flat)
    if lowest is not None and any(number < lowest for number in numbers):
        raise refusal("NIR212", where, f"expected at least {lowest}, got {list(numbers)}")
    if axes is not None and len(numbers) == 1:
        numbers = numbers * axes
    if axes is not None and len(numbers) != axes:
        raise refusal("NIR212", where, f"expected {axes} numbers, got {len(numbers)}")
    return numbers


def shape_of(value: Any, where: str) -> tuple[int, ...] | None:
    """Return a signal's shape as a tuple; None stays None."""
    return None if value is None else ints(value, where, lowest=0)
