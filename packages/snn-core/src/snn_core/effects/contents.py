"""The content of objects, as far as it can be read without changing them."""

from __future__ import annotations

import functools
import io
import random
import threading
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.effects.attributes import module_of

_CACHE = type(functools.cache(len))
_READ: dict[type, Callable[[Any], Any]] = {
    torch.Generator: lambda generator: bytes(generator.get_state().tolist()),
    random.Random: lambda generator: generator.getstate(),
    io.StringIO: lambda text: (text.getvalue(), text.tell()),
    io.BytesIO: lambda text: (text.getvalue(), text.tell()),
    count: repr,
}


def content(value: Any) -> Any:
    """Return a value's own content, without the objects it refers to; equal to nothing if there may be more."""
    with suppress(TypeError, ValueError, NotImplementedError):
        for kind, read in _READ.items():
            if isinstance(value, kind):
                return read(value)
        if module_of(type(value)).startswith("numpy"):
            return hash(value.tobytes()) if hasattr(value, "tobytes") else repr(getattr(value, "state", None))
        if isinstance(getattr(type(value), "__length_hint__", None), types.MethodDescriptorType):
            return value.__length_hint__()
        if is_source(value):
            return object()
        return hash(memoryview(value).tobytes())
    return None


def parts(value: Any) -> Iterator[Any]:
    """Iterate over the objects that a container, a function or an object holds, and its attributes."""
    if isinstance(value, dict):
        yield from value
        yield from list(value.values())
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from list(value)
    elif isinstance(value, functools.partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, types.MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, staticmethod | classmethod | _CACHE):
        yield value.__wrapped__
    elif isinstance(value, property):
        yield from (value.fget, value.fset)
    elif isinstance(value, ContextVar):
        yield value.get(None)
    elif isinstance(value, types.CellType):
        with suppress(ValueError):  # it is still empty
            yield value.cell_contents
    elif module_of(type(value)).startswith("numpy") and str(getattr(value, "dtype", "")) == "object":
        yield from value.flat
    if isinstance(value, threading.local):
        yield vars(value)
    yield attributes_of(value)


def attributes_of(value: Any) -> Any:
    """Return the attributes of an object, if it has any, without calling its own ``__getattr__``."""
    with suppress(AttributeError):
        return object.__getattribute__(value, "__dict__")
    return None


def is_source(value: Any) -> bool:
    """Return True for an iterator or queue that can be neither copied nor asked for its position."""
    kind = type(value)
    if kind is count or hasattr(kind, "__length_hint__") or attributes_of(value) is not None:
        return False
    gives = getattr(kind, "__next__", None), getattr(kind, "qsize", None)
    return any(isinstance(method, types.WrapperDescriptorType | types.MethodDescriptorType) for method in gives)


def sum_of_bits(tensor: Tensor) -> int:
    """Return a sum that changes with a tensor's values, however they are changed; 0 if it has none to read."""
    kinds = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    if type(tensor) not in (Tensor, nn.Parameter, nn.Buffer) or tensor.is_meta or tensor.layout != torch.strided:
        return 0
    values = torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor.detach()
    kind = kinds.get(values.element_size()) if not values.is_quantized else None
    return 0 if kind is None else int(values.contiguous().view(kind).sum(dtype=torch.int64))


def version_of(tensor: Tensor) -> int:
    """Return how often a tensor was changed in place; -1 for an inference tensor, which does not count changes."""
    return -1 if tensor.is_inference() else tensor._version


class Itself:
    """An object as a key, which equals no other object, not even one that takes its address later.

    Args:
        value: The object; it is kept alive only if it cannot be referred to weakly.
    """

    def __init__(self, value: Any) -> None:
        self._number = id(value)
        try:
            self._value: Callable[[], Any] = weakref.ref(value)
        except TypeError:
            self._value = lambda: value

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and self._value() is other._value() is not None
