"""The primitives that a program may use, by name, and their arguments as JSON, for the export and for the device."""

from __future__ import annotations

import math
from typing import Any, Callable

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["DTYPES", "TABLE", "decoded", "encoded", "names_in", "run"]


_DTYPES = ("bool", "int32", "int64", "float16", "float32", "float64")
DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in _DTYPES}

_METHODS = (
    # of one tensor
    *("abs", "atan", "cos", "detach", "erf", "exp", "expm1", "log", "log1p", "neg", "reciprocal", "sigmoid", "sign"),
    *("sin", "sqrt", "square", "tanh"),
    # arithmetic and comparison
    *("clamp", "clamp_max", "clamp_min", "maximum", "minimum"),
    *("eq", "ge", "gt", "le", "lt", "ne", "logical_and", "logical_not", "logical_or"),
    # shape
    *("chunk", "expand_as", "flatten", "permute", "reshape", "split", "squeeze", "transpose", "unbind", "unflatten"),
    *("unsqueeze", "view", "new_full", "new_ones", "new_zeros"),
    # along an axis, and conversions
    *("amax", "argmax", "cumsum", "max", "mean", "sum", "to"),
)

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (torch.add, torch.div, torch.mul, torch.pow, torch.sub)},  # a number may come first
    **{f.__name__: f for f in (torch.bernoulli, torch.cat, torch.stack, torch.where)},
    **{f.__name__: f for f in (torch.full_like, torch.ones_like, torch.rand_like, torch.randn_like, torch.zeros_like)},
    **{f.__name__: f for f in (F.linear, F.conv1d, F.conv2d, F.conv3d)},
    **{f.__name__: f for f in (F.avg_pool1d, F.avg_pool2d, F.max_pool2d, F.adaptive_avg_pool2d)},
    **{f.__name__: f for f in (F.batch_norm, F.group_norm, F.layer_norm, F.dropout)},
    **{f.__name__: f for f in (F.elu, F.gelu, F.hardtanh, F.leaky_relu, F.log_softmax, F.relu, F.selu, F.silu)},
    **{f.__name__: f for f in (F.softmax, F.softplus, F.softsign)},
}

TABLE: dict[str, Callable[..., Any]] = {
    **_FUNCTIONS,
    **{name: getattr(Tensor, name) for name in _METHODS},
    "rsub": lambda a, other, alpha=1: other - alpha * a,
    "rdiv": lambda a, b: b / a,
    "rpow": lambda a, b: b**a,
    "getitem": lambda a, index: a[tuple(index) if isinstance(index, list) else index],
}
"""The operations that a program may call: PopTorch's front end takes them, or its guide lists them as supported."""


_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def encoded(value: Any, name_of: Callable[[Tensor], str], floating: torch.dtype) -> Any:
    """Return an argument as JSON.

    Returns:
        The JSON value: tensors as ``{"v": name}``, dtypes as ``{"dtype": name}``, numbers that JSON lacks as
        ``{"float": text}``.

    Example:
        >>> encoded((slice(0, 2), torch.bool), str, torch.float32)
        [{'slice': [0, 2, None]}, {'dtype': 'bool'}]
    """
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(float(value))}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        return {"v": name_of(value)}
    if isinstance(value, torch.dtype) and (value == floating or value in _NAMES):
        return {"dtype": "program" if value == floating else _NAMES[value]}
    if isinstance(value, slice):
        return {"slice": [encoded(v, name_of, floating) for v in (value.start, value.stop, value.step)]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, (list, tuple)):
        return [encoded(v, name_of, floating) for v in value]
    raise TypeError(f"a {type(value).__name__} cannot be written into a program")


def names_in(value: Any) -> list[str]:
    """Return the names of the tensors in an argument as JSON, in order."""
    if isinstance(value, dict):
        return [value["v"]] if "v" in value else names_in(value.get("slice"))
    return [name for part in value for name in names_in(part)] if isinstance(value, list) else []


def decoded(value: Any, env: dict[str, Any], batch: int, floating: torch.dtype) -> Any:
    """Return the argument that a JSON value describes.

    Example:
        >>> decoded([{"batch": True}, -1], {}, batch=6, floating=torch.float32)
        [6, -1]
    """
    if isinstance(value, list):
        return [decoded(v, env, batch, floating) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "v":
        return env[content]
    if kind == "float":
        return float(content)
    if kind == "dtype":
        return floating if content == "program" else DTYPES[content]
    if kind == "slice":
        return slice(*(decoded(v, env, batch, floating) for v in content))
    return Ellipsis if kind == "ellipsis" else batch


def run(ops: list[dict[str, Any]], env: dict[str, Any], batch: int, floating: torch.dtype, spike: Any = None) -> None:
    """Run operations in order, and add their results to ``env``.

    Example:
        >>> env = {"x": torch.tensor([3.0])}
        >>> run([{"op": "mul", "args": [{"v": "x"}, 2], "kwargs": {}, "outs": ["y"]}], env, 1, torch.float32)
        >>> env["y"]
        tensor([6.])
    """
    for op in ops:
        args = [decoded(a, env, batch, floating) for a in op["args"]]
        if op["op"] == "spike":
            out = spike(args[0], op["surrogate"])
        else:
            out = TABLE[op["op"]](*args, **{k: decoded(v, env, batch, floating) for k, v in op["kwargs"].items()})
        outs = (out,) if isinstance(out, Tensor) else tuple(out)
        env.update(zip(op["outs"], outs))
