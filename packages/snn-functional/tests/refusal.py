"""The parts of the table of bad input: a valid call, and for its arguments the values that it refuses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Row(NamedTuple):
    """One bad value.

    ``message`` is a regular expression; ``named`` what the message calls the argument, where a part of it is meant;
    ``others`` are further arguments that differ from the right call.
    """

    argument: str
    value: Any
    error: type[Exception]
    message: str
    named: str = ""
    others: Mapping[str, Any] = MappingProxyType({})


@dataclass
class Case:
    """A public function or class, or several used alike.

    Args:
        of: It, and the methods that the call calls too: between them they have the arguments that rows are needed for.
        call: What takes all of these arguments by name.
        right: Makes the arguments of a call that is right.
        rows: The bad values.
    """

    of: tuple[Callable[..., Any], ...]
    call: Callable[..., Any]
    right: Callable[[], dict[str, Any]]
    rows: list[Row] = field(default_factory=list)

    def arguments(self) -> set[str]:
        """Names of all arguments."""
        return {name for function in self.of for name in inspect.signature(function).parameters} - {"self"}


def made_and(kind: type, method: str) -> Callable[..., Any]:
    """A class and one of its methods as one function, of the arguments of both."""
    of_class = inspect.signature(kind).parameters

    def call(**arguments: Any) -> Any:
        instance = kind(**{name: value for name, value in arguments.items() if name in of_class})
        return getattr(instance, method)(**{name: value for name, value in arguments.items() if name not in of_class})

    return call


def texts(value: Any) -> set[str]:
    """Return how messages name a value: a tensor by its kind, shape, place or an entry; None if in many ways."""
    if isinstance(value, Tensor):
        entries = set() if value.is_meta else {str(entry) for entry in value.flatten()[:40].tolist()}
        if "nan" in entries:
            entries.add("NaN")
        shape = tuple(value.shape)
        return entries | {str(shape), str(value.dtype), str(value.device), "Tensor", f"{value.numel()} entries"}
    if value is None or value is False:
        return {"None", "False", "not given"}
    if isinstance(value, Real | str | torch.dtype):
        return {repr(value), str(value), str(float(value)) if isinstance(value, Real) else "", type(value).__name__}
    if isinstance(value, list | tuple) and all(isinstance(entry, Real | list) for entry in value):
        entries = torch.as_tensor(value)
        return texts(entries) | {repr(value), type(value).__name__}
    return set()
