"""Calls of functions in one step: what they are named, what they are given, and what they overwrite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import functional as F
from torch.overrides import resolve_name

from snn_core.sequence.layers import NotSampleWise

READS = frozenset(
    {"item", "tolist", "__bool__", "__float__", "__int__", "__index__", "numpy", "__array__", "equal", "allclose"}
)
"""Names of what reads the values of a tensor into Python."""


class Rows(int):
    """A number of samples, which reports when somebody computes with it."""

    report: Callable[[], None]
    used: bool = False  # for the shape of a tensor with a row of each sample, and so known to be for nothing else

    def __new__(cls, value: int, report: Callable[[], None]) -> Rows:
        rows = super().__new__(cls, value)
        rows.report = report
        return rows


def _reporting(name: str) -> Callable[..., Any]:
    def method(self: Rows, *args: Any) -> Any:
        self.report()
        return getattr(int(int.__int__(self)), name)(*args)

    return method


for _name in (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv", "mod", "rmod"),
    *("divmod", "rdivmod", "pow", "rpow", "lshift", "rshift", "and", "or", "xor", "neg", "pos", "abs", "invert"),
    *("eq", "ne", "lt", "le", "gt", "ge", "bool", "int", "float", "hash", "round"),
):
    setattr(Rows, f"__{_name}__", _reporting(f"__{_name}__"))


@dataclass(frozen=True)
class Call:
    """A call of a function in one step, with real tensors.

    Args:
        func: The function, as torch's function modes name it.
        args: Its arguments.
        kwargs: The same, by name.
        out: What it returned.
        rows: Number of samples.
        is_of_step: Whether a value is computed anew in every step; other tensors are the same in all of them.
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    out: Any
    rows: int
    is_of_step: Callable[[Any], bool]

    @property
    def name(self) -> str:
        return name_of(self.func)

    def argument(self, index: int, name: str, default: Any = None) -> Any:
        """Return an argument that may be given by position or by name."""
        return self.args[index] if len(self.args) > index else self.kwargs.get(name, default)

    def first(self) -> Tensor:
        """Return the first argument, of each sample, where no other one is computed anew in every step.

        Raises:
            NotSampleWise: If it is otherwise.
        """
        values = list(tensors_in((self.args, self.kwargs)))
        if not values or not self.is_of_step(values[0]) or any(map(self.is_of_step, values[1:])):
            raise self.unknown()
        return values[0]

    def unknown(self) -> NotSampleWise:
        return NotSampleWise(f"'{self.name}' is not known to act on each sample alone")


def name_of(func: Any) -> str:
    """Return the name of a function or method, such as ``"relu"``."""
    owner = getattr(func, "__self__", None)
    name = getattr(func, "__name__", type(func).__name__)
    if name == "__get__" and owner is not None:
        return getattr(owner, "__name__", name)
    if name == "fn":  # a function of torch that chooses by a flag
        return (resolve_name(func) or name).rpartition(".")[2]
    return name


def is_random(func: Any) -> bool:
    """Return True if the name of a function says that it draws random numbers."""
    name = name_of(func)
    drawn = ("rand", "normal", "bernoulli", "multinomial", "poisson", "dropout", "uniform", "exponential", "geometric")
    return name != "normalize" and any(part in name for part in (*drawn, "cauchy"))


def in_place_of(func: Any, kwargs: Mapping[str, Any]) -> Any:
    """Return the function that computes what an in-place function writes; None for a function that writes nothing.

    Raises:
        NotSampleWise: If the function overwrites a tensor and nothing computes the same without doing so.
    """
    name = name_of(func)
    if kwargs.get("inplace"):
        return func
    if name in ("__setitem__", "requires_grad_", "set_", "resize_", "copy_", "data") or kwargs.get("out") is not None:
        raise NotSampleWise(f"'{name}' overwrites a tensor")
    if not name.endswith("_") or name.endswith("__"):
        return None
    function = getattr(F if getattr(F, name, None) is func else Tensor, name[:-1], None)
    if function is None:
        raise NotSampleWise(f"'{name}' overwrites a tensor")
    return function


def flat(values: Any) -> Iterator[Any]:
    """Return the values in tuples, lists and dicts, at any depth."""
    if isinstance(values, dict):
        values = tuple(values.values())
    if isinstance(values, tuple | list):
        for value in values:
            yield from flat(value)
    else:
        yield values


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Return the tensors among the values in tuples, lists and dicts."""
    return (value for value in flat(values) if isinstance(value, Tensor))
