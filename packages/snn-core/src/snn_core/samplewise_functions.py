"""Which functions and tensor methods act on every sample of a batch alone."""

from __future__ import annotations

import math
import operator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from snn_core.samplewise import NotSampleWise

__all__ = ["RESHAPES", "axes_after_function"]

_ELEMENTWISE = {
    *(F.relu, F.relu6, F.leaky_relu, F.elu, F.selu, F.celu, F.gelu, F.silu, F.mish, F.softplus, F.softsign),
    *(F.logsigmoid, F.hardtanh, F.hardsigmoid, F.hardswish, F.sigmoid, F.tanh),
    *(torch.relu, torch.sigmoid, torch.tanh, torch.abs, torch.neg, torch.exp, torch.square, torch.sqrt, torch.clamp),
    *(operator.neg, operator.abs),
    *("relu", "sigmoid", "tanh", "abs", "neg", "exp", "square", "sqrt", "clamp", "clamp_min", "clamp_max"),
    *("float", "double", "half", "bfloat16", "contiguous", "detach"),
}
_ARITHMETIC = {
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.pow),
    *(torch.add, torch.sub, torch.mul, torch.div, torch.maximum, torch.minimum),
    *("add", "sub", "mul", "div", "maximum", "minimum"),
}
_POOLS = {
    **dict.fromkeys((F.max_pool1d, F.avg_pool1d, F.adaptive_avg_pool1d), 3),
    **dict.fromkeys((F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d), 4),
    **dict.fromkeys((F.max_pool3d, F.avg_pool3d, F.adaptive_avg_pool3d), 5),
}
_CAT = {torch.cat, torch.concat}
_FLATTEN = {torch.flatten, "flatten"}
RESHAPES: frozenset[Any] = frozenset({"view", "reshape", torch.reshape})
_BATCH_SIZE = "batch size"
_SHAPE = "shape"


def axes_after_function(node: fx.Node, axes: dict[fx.Node, Any], net: nn.Module, xs: Tensor) -> Any:
    """What a traced function gives: the number of axes of a tensor, or the kind of another value.

    Raises:
        NotSampleWise: If the function is not known to act on each sample alone.
    """
    target = node.target
    kinds = [axes[a] if isinstance(a, fx.Node) else a for a in node.args]
    if not node.args or (node.kwargs and target not in _CAT | _FLATTEN | _ELEMENTWISE | set(_POOLS)):
        raise _unknown(node)
    if target in _ELEMENTWISE and _is_tensor(node.args[0], axes):
        if node.kwargs.get("inplace"):
            raise NotSampleWise(f"{node.name!r} overwrites its input")
        return _no_tensors(node, 1, axes) or kinds[0]
    if target in _ARITHMETIC:
        return _arithmetic(node, axes, net)
    if target in _POOLS and kinds[0] == _POOLS[target] and not node.kwargs.get("return_indices"):
        return _no_tensors(node, 1, axes) or kinds[0]
    if target in _CAT:
        return _cat(node, axes)
    if target in _FLATTEN and _is_tensor(node.args[0], axes):
        return _flatten(node, kinds)
    if target in RESHAPES and _is_tensor(node.args[0], axes):
        return _reshape(node, kinds)
    return _shape_or_item(node, kinds)


def _unknown(node: fx.Node) -> NotSampleWise:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", repr(node.target))
    return NotSampleWise(f"{node.name!r} calls {name}, which is not known to act on each sample alone")


def _is_tensor(value: Any, axes: dict[fx.Node, Any]) -> bool:
    return isinstance(value, fx.Node) and isinstance(axes[value], int)


def _no_tensors(node: fx.Node, start: int, axes: dict[fx.Node, Any]) -> None:
    """Nothing of the graph among the arguments from ``start`` on."""
    if any(isinstance(a, fx.Node) for a in (*node.args[start:], *node.kwargs.values())):
        raise _unknown(node)


def _arithmetic(node: fx.Node, axes: dict[fx.Node, Any], net: nn.Module) -> int:
    tensors = [axes[a] for a in node.args if isinstance(a, fx.Node) and _is_tensor(a, axes)]
    if not tensors or len(set(tensors)) != 1:
        raise NotSampleWise(f"{node.name!r} combines tensors that do not share the batch axis")
    for value in node.args:
        if isinstance(value, fx.Node) and not isinstance(axes[value], int):
            if value.op != "get_attr":
                raise _unknown(node)
            path = str(value.target)
            if not path.startswith("net."):
                raise NotSampleWise(f"{node.name!r} combines a tensor that forward makes anew in every step")
            attribute = operator.attrgetter(path.removeprefix("net."))(net)
            if not isinstance(attribute, Tensor) or attribute.dim() >= tensors[0]:
                raise NotSampleWise(f"{node.name!r} combines a tensor of the net with the batch axis")
        elif isinstance(value, Tensor):
            raise _unknown(node)
    return tensors[0]


def _cat(node: fx.Node, axes: dict[fx.Node, Any]) -> int:
    parts = node.args[0]
    dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    if not isinstance(parts, list | tuple):
        raise _unknown(node)
    counts: list[int] = [axes[p] for p in parts if isinstance(p, fx.Node) and _is_tensor(p, axes)]
    if len(counts) != len(parts) or len(set(counts)) != 1:
        raise _unknown(node)
    count = counts[0]
    if not isinstance(dim, int) or not dim % count >= 1:
        raise NotSampleWise(f"{node.name!r} concatenates along the batch axis (dim={dim})")
    return count


def _flatten(node: fx.Node, kinds: list[Any]) -> int:
    count = kinds[0]
    start = node.kwargs.get("start_dim", kinds[1] if len(kinds) > 1 else 0)
    end = node.kwargs.get("end_dim", kinds[2] if len(kinds) > 2 else -1)
    if not (isinstance(start, int) and isinstance(end, int)) or start % count < 1:
        raise NotSampleWise(f"{node.name!r} flattens the batch axis too (start_dim={start})")
    return count - max(end % count - start % count, 0)


def _reshape(node: fx.Node, kinds: list[Any]) -> int:
    sizes = kinds[1:]
    if len(sizes) == 1 and isinstance(sizes[0], list | tuple):
        raise _unknown(node)
    first, rest = sizes[0], sizes[1:]
    if not all(isinstance(s, int) and not isinstance(a, fx.Node) for s, a in zip(rest, node.args[2:], strict=True)):
        raise _unknown(node)
    if first == _BATCH_SIZE or (first == -1 and math.prod(rest) > 0):  # check_reshapes looks at the latter again
        return len(sizes)
    raise NotSampleWise(f"{node.name!r} reshapes to a fixed batch size ({first}); use flatten(1) or x.shape[0]")


def _shape_or_item(node: fx.Node, kinds: list[Any]) -> Any:
    """Batch sizes, which may only be used to reshape, and the outputs of a neuron one by one."""
    target, index = node.target, kinds[1] if len(kinds) > 1 else None
    result: Any = None
    if target == "size" and isinstance(kinds[0], int) and index == 0:
        result = _BATCH_SIZE
    elif target is getattr and isinstance(kinds[0], int) and index == "shape":
        result = _SHAPE
    elif target is operator.getitem and kinds[0] == _SHAPE and index == 0:
        result = _BATCH_SIZE
    elif target is operator.getitem and isinstance(kinds[0], tuple) and isinstance(index, int):
        return kinds[0][1]
    if result is None:
        raise _unknown(node)
    readers = RESHAPES if result == _BATCH_SIZE else {operator.getitem}
    if any(user.target not in readers for user in node.users):
        raise NotSampleWise(f"{node.name!r} computes with the batch size")
    return result
