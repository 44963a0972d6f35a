"""The content of a transform, or of any value, as a short text that changes when the content does."""

from __future__ import annotations

import functools
import hashlib
import random
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snn_data.code_names import named_by
from snn_data.installed import is_installed, version_of

__all__ = ["fingerprint"]

BUILT_IN = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, np.ufunc)


def fingerprint(value: object) -> str:
    """Digest the content of a value: two values with equal digests do the same and hold the same.

    A function is its compiled code, defaults, closure, and the globals it names, followed through every function, class
    and module that is not installed; what is installed counts by its version. An instance is its class and its state.
    Comments, line numbers and file names do not count. What a function reads from files, or reaches by names made
    while it runs, is not seen.

    Args:
        value: Numbers, texts, containers, arrays, tensors, functions, classes, modules of ``torch.nn``, instances.

    Returns:
        64 hexadecimal digits.

    Raises:
        TypeError: If the value has no content that can be read, such as an open file, or is a random generator, whose
            draws differ every time.

    Example:
        >>> def scaled(factor):
        ...     return lambda x: x * factor
        >>> fingerprint(scaled(2)) == fingerprint(scaled(2)), fingerprint(scaled(2)) == fingerprint(scaled(3))
        (True, False)

    Source: SHA-256, FIPS 180-4.
    """
    walk = _Walk()
    walk.add(value)
    return walk.digest.hexdigest()


class _Walk:
    """One pass over a value; things met again count by where they were met first, so cycles end."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.seen: dict[int, int] = {}
        self.kept: list[object] = []  # an id is that of one object only while the object lives

    def note(self, *parts: object) -> None:
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            self.digest.update(len(data).to_bytes(8, "big") + data)

    def add(self, value: Any) -> None:
        kind = type(value)
        if value is None or value is Ellipsis or kind in (bool, int, float, complex, str, bytes):
            self.note(kind.__name__, value if kind is bytes else repr(value))
        elif kind in (tuple, frozenset, types.CodeType):
            # Python may share equal ones or not, so where else they were met says nothing
            self.add_content(value, kind)
        elif id(value) in self.seen:
            self.note("again", self.seen[id(value)])
        else:
            self.seen[id(value)] = len(self.seen)
            self.kept.append(value)
            self.add_content(value, kind)

    def add_content(self, value: Any, kind: type) -> None:
        if kind in (list, tuple):
            self.note(kind.__name__, len(value))
            for item in value:
                self.add(item)
        elif kind in (set, frozenset):
            self.note(kind.__name__, *sorted(fingerprint(item) for item in value))
        elif kind is dict or kind is types.MappingProxyType:
            self.add_mapping(kind.__name__, value)
        elif isinstance(value, Tensor):
            self.add_tensor(value)
        elif isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
            self.note("array", value.dtype.descr, value.shape, np.ascontiguousarray(value).tobytes())
        elif isinstance(value, (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)):
            raise TypeError(
                f"fingerprint got a {kind.__name__}, and what is random has no content: leave it to augmented(), "
                "behind cached()"
            )
        elif isinstance(value, types.FunctionType):
            self.add_function(value)
        elif isinstance(value, types.CodeType):
            self.add_code(value)
        elif isinstance(value, types.MethodType):
            self.note("method")
            self.add(value.__self__)
            self.add(value.__func__)
        elif isinstance(value, types.ModuleType):
            self.note("module", value.__name__, version_of(value.__name__))
        elif isinstance(value, type):
            self.add_class(value)
        elif isinstance(value, functools.partial):
            self.note("partial")
            self.add((value.func, value.args, value.keywords))
        elif isinstance(value, (property, staticmethod, classmethod, functools.cached_property)):
            self.note(kind.__name__)
            self.add([getattr(value, name, None) for name in ("__func__", "func", "fget", "fset", "fdel")])
        elif isinstance(value, (types.GetSetDescriptorType, types.MemberDescriptorType)):
            self.note("slot", value.__name__)
        else:
            self.add_instance(value, kind)

    def add_mapping(self, name: str, value: Mapping[Any, Any]) -> None:
        self.note(name, len(value))
        for key, item in value.items():
            self.add(key)
            self.add(item)

    def add_tensor(self, value: Tensor) -> None:
        if value.layout != torch.strided or value.is_quantized:
            raise TypeError(f"fingerprint reads strided tensors, got one of layout {value.layout}: give it densely")
        plain = value.detach().cpu().contiguous()
        self.note("tensor", type(value).__name__, plain.dtype, list(plain.shape), value.requires_grad)
        self.note(plain.flatten().view(torch.uint8).numpy().tobytes())

    def add_function(self, value: types.FunctionType) -> None:
        self.note("function", value.__qualname__)
        if is_installed(_home(value)):
            self.note(_home(value), version_of(_home(value)))
            self.add([_content(cell) for cell in value.__closure__ or ()])
            return
        self.add(value.__code__)
        self.add((value.__defaults__, value.__kwdefaults__, [_content(cell) for cell in value.__closure__ or ()]))
        self.add(value.__dict__)
        for name, item in named_by(value):
            self.note("global", name)
            self.add(item)

    def add_code(self, code: types.CodeType) -> None:
        self.note("code", code.co_code, code.co_exceptiontable, code.co_flags)
        self.add((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_consts))

    def add_class(self, value: type) -> None:
        self.note("class", _home(value), value.__qualname__)
        if is_installed(_home(value)):
            self.note(version_of(_home(value)))
            return
        self.add(value.__bases__)
        for name, item in vars(value).items():
            # Python adds notes of its own under such names as it goes, and none of them is code
            note = name.startswith("_abc_") or (name.startswith("__") and not hasattr(item, "__get__"))
            if not note:
                self.note("attribute", name)
                self.add(item)

    def add_instance(self, value: Any, kind: type) -> None:
        self.note("instance")
        self.add(kind)
        if isinstance(value, BUILT_IN):
            owner = getattr(value, "__self__", None)
            self.note(getattr(value, "__module__", ""), getattr(value, "__qualname__", value.__name__))
            self.add(None if isinstance(owner, types.ModuleType) else owner)
            return
        try:
            found = value.__reduce_ex__(4)
        except Exception as error:
            raise TypeError(
                f"fingerprint cannot read the content of a {kind.__module__}.{kind.__qualname__} ({error}): "
                "build the transform from functions, numbers, arrays and plain objects"
            ) from error
        if isinstance(found, str):
            self.add_by_name(value, found)
            return
        self.add(found[:3])
        for items in found[3:5]:
            self.add(None if items is None else list(items))

    def add_by_name(self, value: Any, name: str) -> None:
        wrapped, module = getattr(value, "__wrapped__", None), _home(value)
        if wrapped is None and not is_installed(module):
            raise TypeError(f"fingerprint cannot read the content of {module}.{name}, a {type(value).__name__}")
        self.note(module, name, version_of(module))
        self.add(wrapped)


def _home(value: Any) -> str:
    """Name of the module of a function or class, the same in the main process and in workers that it spawned."""
    return (value.__module__ or "").replace("__mp_main__", "__main__")


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that is bound later
        return None
