"""The instructions of step programs: the element-wise operations, and the PyTorch operations that become them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Operand = Any
"""An operand of an instruction: a ``Register`` of its program, or a number."""

Emit = Callable[..., Operand]
"""``emit(name, *operands)`` adds an instruction and returns its register."""


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "neg", "abs", "pow")},
    **{name: getattr(torch, name) for name in ("square", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "clamp")},
    **{name: getattr(torch, name) for name in ("tanh", "sigmoid", "sin", "cos", "sign", "floor", "round", "div")},
    **{name: getattr(torch, name) for name in ("reciprocal", "minimum", "maximum", "where")},
    **{name: getattr(operator, name) for name in ("gt", "ge", "lt", "le", "eq", "ne")},
    **{name: getattr(torch, f"logical_{name}") for name in ("and", "or", "not", "xor")},
    "number": Tensor.to,
}
"""The PyTorch function that computes each instruction; ``number`` turns a condition into 1 or 0."""

_OF_TENSORS = ("div", "minimum", "maximum", "where")

CONDITIONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne", "and", "or", "not", "xor"})
"""The instructions that return a condition."""

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "=="}
_INFIX |= {"ne": "!=", "and": "&", "or": "|", "xor": "^"}


def computed(name: str, operands: list[Any], dtype: torch.dtype) -> Tensor:
    """Compute an instruction on tensors and numbers with PyTorch; a ``dtype`` is needed where no operand has one."""
    if name == "number":
        operands.append(dtype)
    elif name in _OF_TENSORS:
        operands = [o if isinstance(o, Tensor) else torch.tensor(o, dtype=dtype, device="cpu") for o in operands]
    return OPERATIONS[name](*operands)


def written(name: str, operands: list[str]) -> str:
    """Write an instruction the way an equation is written, given its operands as text."""
    if name in _INFIX:
        return f" {_INFIX[name]} ".join(operands)
    return f"{name}({', '.join(operands)})"


_SAME_NAME = {*OPERATIONS} - {"and", "or", "not", "xor", "number", "pow", "clamp"}
_RENAMED = {"sgn": "sign", "__and__": "and", "__or__": "or", "__xor__": "xor"}
_RENAMED |= {f"{kind}_{name}": name for kind in ("bitwise", "logical") for name in ("and", "or", "not", "xor")}


def lowered(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], emit: Emit) -> Operand | None:
    """Express a PyTorch operation in instructions.

    Args:
        name: Its name, such as ``"add"`` for ``aten.add.Tensor``.
        args: Its positional arguments, with operands instead of tensors.
        kwargs: Its keyword arguments.
        emit: Function that adds an instruction.

    Returns:
        The register of the result, or a number; None if it is not element-wise or has its own order of computation.
    """
    # PyTorch rounds a + alpha * b once on some processors and twice on others
    if kwargs.get("alpha", 1) != 1 or kwargs.get("rounding_mode") or kwargs.get("decimals"):
        return None
    if name in _SAME_NAME:
        return emit(name, *args)
    if name in _RENAMED:
        return emit(_RENAMED[name], *args)
    rule = _RULES.get(name)
    return None if rule is None else rule(emit, *args)


def _power(emit: Emit, x: Operand, exponent: Operand) -> Operand:
    """Return a power; for some exponents, emit what PyTorch computes instead."""
    if not isinstance(exponent, int | float):
        return emit("pow", x, exponent)
    if exponent in (0, 1):
        return x if exponent else 1.0
    if exponent == 3:
        return emit("mul", emit("square", x), x)
    if exponent == -2:
        return emit("reciprocal", emit("square", x))
    names = {2: "square", 0.5: "sqrt", -0.5: "rsqrt", -1: "reciprocal"}
    return emit(names[exponent], x) if exponent in names else emit("pow", x, exponent)


def _between(emit: Emit, x: Operand, low: Operand = None, high: Operand = None) -> Operand:
    return emit("clamp", x, -math.inf if low is None else low, math.inf if high is None else high)


_RULES: dict[str, Callable[..., Operand]] = {
    "rsub": lambda emit, x, other, alpha=1: emit("sub", other, x) if alpha == 1 else None,
    "pow": _power,
    "clamp": _between,
    "clamp_min": _between,
    "clamp_max": lambda emit, x, high: _between(emit, x, None, high),
    "relu": lambda emit, x: _between(emit, x, 0.0),
    "hardtanh": lambda emit, x, low=-1.0, high=1.0: _between(emit, x, low, high),
    "masked_fill": lambda emit, x, mask, value: emit("where", mask, value, x),
    "zeros_like": lambda emit, x: 0.0,
    "ones_like": lambda emit, x: 1.0,
    "full_like": lambda emit, x, value: float(value),
    "new_zeros": lambda emit, x, size: 0.0,
    "new_ones": lambda emit, x, size: 1.0,
    "scalar_tensor": lambda emit, value: float(value),
    "sigmoid_backward": lambda emit, g, y: emit("mul", emit("mul", g, emit("sub", 1.0, y)), y),
    "tanh_backward": lambda emit, g, y: emit("mul", g, emit("sub", 1.0, emit("square", y))),
    "threshold_backward": lambda emit, g, x, least: emit("where", emit("le", x, least), 0.0, g),
}
