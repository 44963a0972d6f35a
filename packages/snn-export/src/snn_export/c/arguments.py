"""The arguments of recorded calls, by position or by name."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from snn_core.graph import Step
from snn_export.c.routine import Refusal

__all__ = ["argument", "operands"]

_TWO = {"input": None, "other": None}
# the parameters of element-wise functions of more than one operand, and their defaults
_PARAMETERS: dict[str, dict[str, Any]] = {
    **dict.fromkeys("add sub mul div rsub rdiv minimum maximum gt ge lt le eq ne".split(), _TWO),
    "pow": {"input": None, "exponent": None},
    "clamp": {"input": None, "min": None, "max": None},
    "clamp_min": {"input": None, "min": None},
    "clamp_max": {"input": None, "max": None},
    "hardtanh": {"input": None, "min_val": -1.0, "max_val": 1.0},
    "where": {"condition": None, "input": None, "other": None},
}
_OPTIONS = {"alpha", "rounding_mode"}  # options that some functions have; only values that change nothing are accepted
_IGNORED = {"inplace"}


def argument(step: Step, position: int, name: str, default: Any = None) -> Any:
    """Return an argument of a call that may be passed by position or by name."""
    return step.args[position] if len(step.args) > position else step.kwargs.get(name, default)


def operands(step: Step, name: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the operands of an element-wise function by position, and its options by name.

    Raises:
        Refusal: If it has an argument that is not known.

    Example:
        >>> import torch
        >>> from snn_core.graph import Function, Place
        >>> operands(Step(Function(torch.clamp), "", "clamp", (Place(0),), {"max": 1.0}, (1,)), "clamp")
        ([Place(number=0), None, 1.0], {})
    """
    parameters = _PARAMETERS.get(name, {"input": None})
    args, names = step.args, [*parameters]
    if getattr(step.compute, "func", None) is Tensor.where:  # a method of the input, not of the condition
        names = ["input", "condition", "other"]
    named = {key: value for key, value in step.kwargs.items() if key not in _IGNORED}
    options = {key: named.pop(key) for key in _OPTIONS & {*named}}
    unknown = [repr(key) for key in named if key not in names[len(args) :]]
    if unknown or len(args) > len(names):
        what = f"the argument {', '.join(unknown)}" if unknown else f"{len(args)} arguments"
        raise Refusal(f"{name!r} has {what}; in C it takes {', '.join(names)}")
    values = {**parameters, **dict(zip(names, args, strict=False)), **named}
    return [values[key] for key in parameters], options
