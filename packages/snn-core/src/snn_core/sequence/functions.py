"""Which functions act on every sample of a batch alone, and what computes them over many steps at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from snn_core.neuron.constant import is_whole
from snn_core.sequence.calls import Call, Rows, flat, tensors_in
from snn_core.sequence.layers import NotSampleWise
from snn_core.sequence.plan import Convolution, Function, New, Pooling, Product, Reshape


def computed_by(call: Call) -> Function:
    """Return what computes a call over the samples of many steps.

    Args:
        call: The call, of which an argument at least is computed anew in every step.

    Returns:
        The function, or what stands in for it.

    Raises:
        NotSampleWise: If the function is not known to act on each sample alone.
    """
    rule = _RULES.get(call.func)
    if rule is None:
        raise call.unknown()
    if rule not in (_reshape, _new) and any(isinstance(v, Rows) for v in flat((call.args, call.kwargs))):
        raise NotSampleWise(f"'{call.name}' computes with the batch size")
    return rule(call)


def _plain(call: Call) -> Function:
    x, *others = tensors_in((call.args, call.kwargs))
    if call.first() is not x or any(other.dim() >= x.dim() for other in others):
        raise call.unknown()
    return Function(call.func)


def _arithmetic(call: Call) -> Function:
    tensors = list(tensors_in((call.args, call.kwargs)))
    axes = {tensor.dim() for tensor in tensors if call.is_of_step(tensor)}
    if len(axes) != 1:
        raise NotSampleWise(f"'{call.name}' combines tensors that do not share the batch axis")
    (most,) = axes
    for tensor in tensors:
        if not call.is_of_step(tensor) and tensor.dim() >= most and (tensor.dim() > most or len(tensor) != 1):
            raise NotSampleWise(f"'{call.name}' combines a tensor of the net with the batch axis")
    return Function(call.func)


def _needs(*axes: int, of: type[Function] = Function) -> Callable[[Call], Function]:
    def rule(call: Call) -> Function:
        x = call.first()
        if x.dim() not in axes:
            wanted = " or ".join(map(str, axes))
            raise NotSampleWise(f"'{call.name}' takes {wanted} axes with a batch, and gets {x.dim()} a step")
        return of(call.func)

    return rule


def _at_least(least: int, of: type[Function] = Function) -> Callable[[Call], Function]:
    def rule(call: Call) -> Function:
        if call.first().dim() < least:
            raise NotSampleWise(f"'{call.name}' gets one step without a batch axis ({call.first().dim()} axes)")
        return of(call.func)

    return rule


def _one_tensor(rule: Callable[[Call], Function]) -> Callable[[Call], Function]:
    def checked(call: Call) -> Function:
        if not isinstance(call.out, Tensor):
            raise NotSampleWise(f"'{call.name}' returns more than one tensor")
        return rule(call)

    return checked


def _batch_norm(call: Call) -> Function:
    training = call.argument(5, "training", False)
    if training or call.argument(1, "running_mean") is None:
        raise NotSampleWise(f"'{call.name}' normalizes over the batch in every step while training")
    return _at_least(2)(call)


def _instance_norm(call: Call) -> Function:
    if call.argument(1, "running_mean") is not None:
        raise NotSampleWise(f"'{call.name}' keeps running statistics")
    return _at_least(3)(call)


def _dropout(call: Call) -> Function:
    if call.argument(2, "training", True) and call.argument(1, "p", 0.5):
        raise NotSampleWise(f"'{call.name}' draws anew in every step while training")
    return _plain(call)


def _layer_norm(call: Call) -> Function:
    if len(call.argument(1, "normalized_shape")) >= call.first().dim():
        raise NotSampleWise(f"'{call.name}' normalizes over the batch axis")
    return Function(call.func)


def _within_a_sample(dim: Any, axes: int) -> bool:
    dims = dim if isinstance(dim, tuple | list) else (dim,)
    return bool(dims) and all(is_whole(d) and d % axes >= 1 for d in dims)


def _along(index: int, name: str = "dim", new_axes: int = 0) -> Callable[[Call], Function]:
    """Return the rule for functions along an axis, which must not be the batch."""

    def rule(call: Call) -> Function:
        x, dim = call.first(), call.argument(index, name)
        if x.dim() + new_axes < 2 or not _within_a_sample(dim, x.dim() + new_axes):
            raise NotSampleWise(f"'{call.name}' is not told to leave the batch axis alone (dim={dim})")
        return Function(call.func)

    return rule


def _pad(call: Call) -> Function:
    if len(call.argument(1, "pad")) // 2 >= call.first().dim():
        raise NotSampleWise(f"'{call.name}' pads the batch axis")
    return Function(call.func)


def _cat(call: Call) -> Function:
    parts, dim = call.argument(0, "tensors"), call.argument(1, "dim", 0)
    if not isinstance(parts, tuple | list) or not all(map(call.is_of_step, parts)):
        raise call.unknown()
    if len({part.dim() for part in parts}) != 1 or not _within_a_sample(dim, parts[0].dim()):
        raise NotSampleWise(f"'{call.name}' concatenates along the batch axis (dim={dim})")
    return Function(call.func)


def _flatten(call: Call) -> Function:
    x, start = call.first(), call.argument(1, "start_dim", 0)
    if not _within_a_sample(start, x.dim()):
        raise NotSampleWise(f"'{call.name}' flattens the batch axis too (start_dim={start})")
    return Function(call.func)


def _reshape(call: Call) -> Function:
    x, sizes = call.first(), _sizes((*call.args[1:], *call.kwargs.values()))
    if not sizes or not all(isinstance(size, int) for size in sizes):
        raise call.unknown()
    first, rest = sizes[0], sizes[1:]
    if any(isinstance(size, Rows) for size in rest):
        raise NotSampleWise(f"'{call.name}' computes with the batch size")
    numbers = math.prod(x.shape[1:])
    if isinstance(first, Rows):
        if int.__int__(first) != call.rows:
            raise NotSampleWise(f"'{call.name}' computes with the batch size")
        first.used = True
    elif first != -1:
        raise NotSampleWise(f"'{call.name}' reshapes to a fixed batch size ({first}); use flatten(1) or x.shape[0]")
    elif math.prod(rest) != numbers:
        rows = f"rows of {math.prod(rest)} numbers of a sample of {numbers}"
        raise NotSampleWise(f"'{call.name}' makes {rows}; use x.flatten(1)")
    return Reshape(call.func, tuple(call.out.shape[1:]))


def _sizes(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(values[0]) if len(values) == 1 and isinstance(values[0], tuple | list) else values


def _view_as(call: Call) -> Function:
    if not all(map(call.is_of_step, call.args[:2])):
        raise call.unknown()
    return Reshape(call.func, tuple(call.out.shape[1:]))


def _new(call: Call) -> Function:
    call.first()
    sizes = _sizes(call.args[1:])
    if not sizes or not isinstance(sizes[0], Rows) or any(isinstance(v, Rows) for v in sizes[1:]):
        raise call.unknown()
    if len(call.out) != call.rows:
        raise NotSampleWise(f"'{call.name}' computes with the batch size")
    sizes[0].used = True
    return New(call.func, tuple(call.out.shape[1:]))


def _index(call: Call) -> Function:
    x, index = call.first(), call.args[1]
    index = index if isinstance(index, tuple) else (index,)
    taken = sum(i is not None and i is not Ellipsis for i in index)
    whole = index[0] == slice(None) if isinstance(index[0], slice) else index[0] is Ellipsis and taken < x.dim()
    if not whole or not all(isinstance(i, int | slice) or i is None or i is Ellipsis for i in index):
        raise NotSampleWise(f"'{call.name}' takes some samples out of the batch")
    return Function(call.func)


def _product(call: Call) -> Function:
    x, other = call.first(), call.args[1]
    if x.dim() < 2 or other.dim() > 2:
        raise call.unknown()
    return Function(call.func)


def _cast(call: Call) -> Function:
    call.first()
    if not all(isinstance(v, torch.dtype | torch.device | bool | str) for v in (*call.args[1:], *call.kwargs.values())):
        raise call.unknown()
    return Function(call.func)


def _named(owner: Any, *names: str) -> list[Any]:
    return [getattr(owner, name) for name in names if hasattr(owner, name)]


_ACTIVATIONS = ("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign")
_ACTIVATIONS += ("logsigmoid", "hardtanh", "hardsigmoid", "hardswish", "hardshrink", "softshrink", "tanhshrink")
_ACTIVATIONS += ("sigmoid", "tanh", "threshold", "prelu")
_UNARY = ("relu", "sigmoid", "tanh", "abs", "neg", "exp", "square", "sqrt", "clamp", "clamp_min", "clamp_max", "sign")
_UNARY += ("log", "log1p", "expm1", "sin", "cos", "reciprocal", "rsqrt", "floor", "ceil", "round", "logical_not")
_UNARY += ("zeros_like", "ones_like", "detach", "contiguous", "clone", "__abs__", "__neg__", "nan_to_num")
_BINARY = ("add", "sub", "mul", "div", "true_divide", "pow", "maximum", "minimum", "where", "lerp", "addcmul", "rsub")
_BINARY += ("gt", "ge", "lt", "le", "eq", "ne", "logical_and", "logical_or", "masked_fill", "subtract", "multiply")
_OPERATORS = ("add", "sub", "mul", "div", "truediv", "pow", "and", "or")
_BINARY += tuple(f"__{r}{name}__" for name in _OPERATORS for r in ("", "r"))

_RULES: dict[Any, Callable[[Call], Function]] = {
    **dict.fromkeys(_named(F, *_ACTIVATIONS), _plain),
    **{func: _arithmetic for owner in (torch, Tensor) for func in _named(owner, *_BINARY)},
    **{func: _plain for owner in (torch, Tensor) for func in _named(owner, *_UNARY)},
    **dict.fromkeys(_named(Tensor, "float", "double", "half", "bfloat16", "to", "type"), _cast),
    F.linear: _at_least(2, Product),
    **dict.fromkeys((torch.conv1d, torch.conv_transpose1d), _needs(3, of=Convolution)),
    **dict.fromkeys((torch.conv2d, torch.conv_transpose2d), _needs(4, of=Convolution)),
    **dict.fromkeys((torch.conv3d, torch.conv_transpose3d), _needs(5, of=Convolution)),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), _one_tensor(_needs(4, of=Pooling))),
    **dict.fromkeys(
        (F.max_pool1d, torch.max_pool1d, F.avg_pool1d, F.adaptive_avg_pool1d, F.adaptive_max_pool1d),
        _one_tensor(_needs(3)),
    ),
    **dict.fromkeys((F.avg_pool2d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d), _one_tensor(_needs(4))),
    **dict.fromkeys((F.max_pool3d, F.avg_pool3d, F.adaptive_avg_pool3d, F.adaptive_max_pool3d), _one_tensor(_needs(5))),
    F.batch_norm: _batch_norm,
    F.instance_norm: _instance_norm,
    **dict.fromkeys((F.layer_norm, F.rms_norm), _layer_norm),
    F.group_norm: _at_least(2),
    F.local_response_norm: _at_least(3),
    **dict.fromkeys((F.dropout, F.alpha_dropout, F.feature_alpha_dropout), _dropout),
    **dict.fromkeys((F.dropout1d, F.dropout2d, F.dropout3d), _dropout),
    **dict.fromkeys((F.softmax, F.log_softmax, F.softmin, torch.softmax, Tensor.softmax), _along(1)),
    **{f: _along(1) for o in (torch, Tensor) for f in _named(o, "mean", "sum", "amax", "amin", "squeeze", "unflatten")},
    **{func: _along(1, new_axes=1) for owner in (torch, Tensor) for func in _named(owner, "unsqueeze")},
    **{func: _along(2) for owner in (torch, Tensor) for func in _named(owner, "chunk", "split")},
    **dict.fromkeys((torch.cat, torch.concat), _cat),
    **dict.fromkeys((torch.flatten, Tensor.flatten), _flatten),
    **dict.fromkeys((Tensor.view, Tensor.reshape, torch.reshape), _reshape),
    Tensor.view_as: _view_as,
    Tensor.reshape_as: _view_as,
    **dict.fromkeys((Tensor.new_zeros, Tensor.new_ones, Tensor.new_empty), _new),
    Tensor.__getitem__: _index,
    **dict.fromkeys((torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.mm, Tensor.mm), _product),
    F.pad: _pad,
    F.pixel_shuffle: _at_least(4),
    F.pixel_unshuffle: _at_least(4),
    F.interpolate: _at_least(3),
    F.upsample: _at_least(3),
}
