"""The primitives that a program may be made of, by name: what both halves agree on."""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["DTYPES", "TABLE"]

DTYPES = {
    "bool": torch.bool,
    "int32": torch.int32,
    "int64": torch.int64,
    "float16": torch.float16,
    "float32": torch.float32,
    "float64": torch.float64,
}

_METHODS = (
    # of one tensor
    *("abs", "atan", "cos", "detach", "erf", "exp", "expm1", "log", "log1p", "neg", "reciprocal", "sigmoid", "sign"),
    *("sin", "sqrt", "square", "tanh"),
    # arithmetic and comparison
    *("add", "clamp", "clamp_max", "clamp_min", "div", "maximum", "minimum", "mul", "pow", "sub"),
    *("eq", "ge", "gt", "le", "lt", "ne", "logical_and", "logical_not", "logical_or"),
    # shape
    *("chunk", "expand_as", "flatten", "permute", "reshape", "split", "squeeze", "transpose", "unbind", "unflatten"),
    *("unsqueeze", "view", "new_full", "new_ones", "new_zeros"),
    # along an axis, and conversions
    *("amax", "argmax", "cumsum", "max", "mean", "sum", "to"),
)

_FUNCTIONS: dict[str, Callable[..., Any]] = {
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
    "rsub": lambda a, b: b - a,
    "rdiv": lambda a, b: b / a,
    "rpow": lambda a, b: b**a,
    "getitem": lambda a, index: a[tuple(index) if isinstance(index, list) else index],
}
"""What a program may call: taken by PopTorch's front end, or on the list of operators that its guide supports."""
