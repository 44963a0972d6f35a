"""Functions of torch: their arguments, the tensors that they overwrite, and checks for mixed samples."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from snn_core.effects.reads import is_random, name_of
from snn_core.graph.node import Node, flat, tensors_in
from snn_core.graph.observed import Rows
from snn_core.graph.steps import NotSampleWise, Overwriting
from snn_core.neuron.constant import is_whole


def in_place_of(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return the function that computes what an in-place function writes; None if the function writes nothing.

    Raises:
        NotSampleWise: If the function overwrites a tensor in a way of its own.
    """
    name, place = name_of(func), _place_of_inplace(func)
    if kwargs.get("inplace") or (place is not None and len(args) > place and args[place]):
        return func
    if name in ("requires_grad_", "set_", "resize_", "data"):
        raise NotSampleWise(f"'{name}' overwrites a tensor")
    if name != "__setitem__" and kwargs.get("out") is None and (not name.endswith("_") or name.endswith("__")):
        return None
    twin = getattr(F if getattr(F, name, None) is func else Tensor, name[:-1], None)
    if twin is None or name == "__setitem__" or kwargs.get("out") is not None or is_random(func):
        return Overwriting(func)
    return twin


def without_inplace(call: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call with ``inplace=False``, if it has this argument."""
    place = _place_of_inplace(call.func)
    args = tuple(False if number == place else value for number, value in enumerate(call.args))
    return args, {name: False if name == "inplace" else value for name, value in call.kwargs.items()}


@functools.cache
def _place_of_inplace(func: Any) -> int | None:
    """Return the position of the argument ``inplace`` of a function; None if it has none."""
    try:
        return [*inspect.signature(func).parameters].index("inplace")
    except (TypeError, ValueError):  # such as a function in C, which has no signature
        return None


BY_VALUES = frozenset("nonzero argwhere masked_select unique unique_consecutive bincount histc".split())
"""Functions that return a tensor whose shape depends on the values of their arguments."""


def picks_by_values(call: Node) -> bool:
    """Return True for a call that takes the elements at which a mask is true."""
    taken = call.args[1:] if name_of(call.func) == "__getitem__" else ()
    return any(tensor.dtype in (torch.bool, torch.uint8) for tensor in tensors_in(taken))


def tells_rows(values: Any) -> bool:
    """Return True if the number of samples is among the values."""
    return any(isinstance(value, Rows) for value in flat(values))


def must_be_within(call: Any, name: str, value: Any, dims: Any, axes: int) -> None:
    """Raise NotSampleWise unless ``dims``, the axes that an argument names, are within a sample.

    The number of ``axes`` includes the batch.
    """
    dims = dims if isinstance(dims, tuple | list | range) else (dims,)
    if not dims or not all(is_whole(d) and d % axes >= 1 for d in dims):
        raise NotSampleWise(f"{call.name} must name axes other than the batch axis ({name}={value})")


def elementwise(call: Node) -> None:
    """Check a call that combines tensors element by element."""
    axes = {tensor.dim() for tensor in call.tensors if call.is_of_step(tensor)}
    if len(axes) != 1:
        raise NotSampleWise(f"{call.name} combines tensors that do not share the batch axis")
    (most,) = axes
    for tensor in call.tensors:
        if not call.is_of_step(tensor) and tensor.dim() >= most and (tensor.dim() > most or len(tensor) != 1):
            raise NotSampleWise(f"{call.name} combines a tensor of the net with the batch axis")


def cat(call: Node) -> None:
    """Check a call that concatenates tensors."""
    parts, dim = call.argument(0, "tensors"), call.argument(1, "dim", 0)
    if not isinstance(parts, tuple | list) or not all(map(call.is_of_step, parts)):
        raise call.unknown()
    if len({part.dim() for part in parts}) != 1:
        raise call.unknown()
    must_be_within(call, "dim", dim, dim, parts[0].dim())


def reshape(call: Node) -> None:
    """Check a call that gives each sample a different shape."""
    first, *rest = _sizes(call, *call.args[1:], *call.kwargs.values())
    numbers = math.prod(call.first().shape[1:])
    if isinstance(first, Rows):
        return
    if first != -1:
        raise NotSampleWise(f"{call.name} reshapes to a fixed batch size ({first}); use flatten(1) or x.shape[0]")
    if math.prod(rest) != numbers:
        rows = f"rows of {math.prod(rest)} numbers from samples of {numbers}"
        raise NotSampleWise(f"{call.name} makes {rows}; use x.flatten(1)")


def new(call: Node) -> None:
    """Check a call that makes a tensor with one row per sample."""
    if not call.axes or not isinstance(_sizes(call, *call.args[1:])[0], Rows):
        raise call.unknown()


def _sizes(call: Node, *sizes: Any) -> tuple[int, ...]:
    """Return the sizes passed to a call, the first of which may be the number of samples."""
    sizes = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes
    if not sizes or not all(isinstance(size, int) for size in sizes):
        raise call.unknown()
    takes_rows = isinstance(sizes[0], Rows)
    if any(isinstance(size, Rows) for size in sizes[1:]) or (takes_rows and len(call.out) != int.__int__(sizes[0])):
        raise NotSampleWise(f"{call.name} computes with the batch size")
    if takes_rows:
        sizes[0].used = True
    return sizes


def view_as(call: Node) -> None:
    """Check a call that gives one tensor the shape of another."""
    if not all(map(call.is_of_step, call.args[:2])):
        raise call.unknown()


def index(call: Node) -> None:
    """Check a call that takes part of a tensor."""
    items = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    taken = sum(i is not None and i is not Ellipsis for i in items)
    whole = items[0] == slice(None) if isinstance(items[0], slice) else items[0] is Ellipsis and taken < call.axes
    if not call.axes or not whole or not all(isinstance(i, int | slice) or i is None or i is Ellipsis for i in items):
        raise NotSampleWise(f"{call.name} takes some samples out of the batch")


def product(call: Node) -> None:
    """Check a product of matrices: of those of each sample, or with one of the net."""
    if len(call.tensors) == 2 and all(map(call.is_of_step, call.tensors)):
        if {tensor.dim() for tensor in call.tensors} != {max(call.tensors[0].dim(), 3)}:
            raise call.unknown()
    elif call.axes < 2 or call.tensors[1].dim() > 2:
        raise call.unknown()


def einsum(call: Node) -> None:
    """Check a sum of products whose first index is that of the samples everywhere, and nowhere else."""
    equation = call.args[0]
    parts = equation.replace(" ", "").replace("->", ",").split(",") if isinstance(equation, str) else ()
    same = len({part[:1] for part in parts}) == 1 and all(part[:1].isalpha() for part in parts)
    once = same and all(part.count(part[0]) == 1 for part in parts)
    if not once or "->" not in equation or not all(map(call.is_of_step, call.tensors)):
        raise call.unknown()


def attention(call: Node) -> None:
    """Check scaled dot-product attention within each sample."""
    query, mask = call.tensors[0], call.argument(3, "attn_mask")
    alike = all(call.is_of_step(tensor) and tensor.dim() == query.dim() for tensor in call.tensors[:3])
    if not alike or query.dim() < 3 or (mask is not None and (call.is_of_step(mask) or mask.dim() >= query.dim())):
        raise call.unknown()


def embedding(call: Node) -> None:
    """Check a call that looks up rows of a table."""
    if not call.first().dim() or call.argument(3, "max_norm") is not None:
        raise call.unknown()


def stack(call: Node) -> None:
    """Check a call that stacks tensors along a new axis."""
    parts, dim = call.argument(0, "tensors"), call.argument(1, "dim", 0)
    if not isinstance(parts, tuple | list) or not all(map(call.is_of_step, parts)):
        raise call.unknown()
    must_be_within(call, "dim", dim, dim, parts[0].dim() + 1)


def moved_axes(call: Node) -> None:
    """Check a call that puts axes into another order, in which the first stays first."""
    axes, dims = call.axes, [*call.args[1:], *call.kwargs.values()]
    if name_of(call.func) == "permute":
        dims = list(dims[0]) if len(dims) == 1 and isinstance(dims[0], tuple | list) else dims
        if not dims or not all(map(is_whole, dims)) or dims[0] % axes:
            raise NotSampleWise(f"{call.name} moves the batch axis")
        return
    for dim in dims:
        must_be_within(call, "dim", dim, dim, axes)


def cast(call: Node) -> None:
    """Check a call that changes dtype or device."""
    plain = torch.dtype | torch.device | bool | str
    if not call.axes or not all(isinstance(v, plain) for v in (*call.args[1:], *call.kwargs.values())):
        raise call.unknown()
