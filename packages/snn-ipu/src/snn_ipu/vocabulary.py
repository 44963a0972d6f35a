"""What torch's functions and methods are called, and which of them a recording renames, follows or refuses."""

from __future__ import annotations

import torch

__all__ = ["CASTS", "DYNAMIC", "HOST_READS", "IN_PLACE", "REMEDIES", "RENAMED", "SAME"]

HOST_READS = {"__bool__", "__float__", "__int__", "__index__", "__array__", "__contains__", "item", "tolist", "numpy"}
DYNAMIC = {"nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "repeat_interleave", "__iter__"}
SAME = {"clone", "contiguous", "requires_grad_"}
RENAMED = {
    "__and__": "logical_and",
    "__getitem__": "getitem",
    "__invert__": "logical_not",
    "__or__": "logical_or",
    "__radd__": "add",
    "__rdiv__": "rdiv",
    "__rmul__": "mul",
    "__rpow__": "rpow",
    "__rsub__": "rsub",
    "__rtruediv__": "rdiv",
    "__truediv__": "div",
    "absolute": "abs",
    "bitwise_and": "logical_and",
    "clip": "clamp",
    "concat": "cat",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "multiply": "mul",
    "subtract": "sub",
    "swapaxes": "transpose",
    "true_divide": "div",
    **{f"__{name}__": name for name in ("eq", "ne", "gt", "ge", "lt", "le")},
}
CASTS = {
    "bool": torch.bool,
    "double": torch.float64,
    "float": torch.float32,
    "half": torch.float16,
    "int": torch.int32,
    "long": torch.int64,
}
REMEDIES = {
    "heaviside": "write (x > 0).to(x.dtype)",
    "lerp": "write a + w * (b - a)",
    "poisson": "use torch.bernoulli",
    "lstm_cell": "use Leaky, Synaptic or Alpha in place of an LSTM neuron",
    "__get__": "call a method, such as transpose or detach, in place of an attribute",
}
IN_PLACE = {f"__i{name}__" for name in ("add", "sub", "mul", "truediv", "pow", "and", "or")} | {"__setitem__"}
