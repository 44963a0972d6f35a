"""The content of a transform, or of any value, as a short text that changes when the content does."""

from __future__ import annotations

import copyreg
import dataclasses
import enum
import functools
import gc
import hashlib
import itertools
import random
import re
import sys
import types
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snn_data.code_names import named_by, names_of
from snn_data.installed import is_installed, version_of

__all__ = ["fingerprint"]

BUILT_IN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.WrapperDescriptorType,
    np.ufunc,
)
WRAPPERS = (property, staticmethod, classmethod, functools.cached_property)
HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class created at run time
# attributes that Python itself sets in a class, some of them on use, and none of them code
CLASS_NOTES = frozenset(
    "__module__ __slotnames__ __firstlineno__ __static_attributes__ __annotations_cache__ "
    "_abc_impl _abc_registry _abc_cache _abc_negative_cache _abc_negative_cache_version".split()
)


def fingerprint(value: object) -> str:
    """Return a digest of the content of a value: values with equal digests behave the same and have the same content.

    A function is its compiled code, defaults, closure, and the globals it names, followed through every function, class
    and module that is not installed; what is installed counts by its version. An instance is its class and its state,
    a class its attributes, bases and metaclass. An array or tensor is its type, dtype, shape, values and the order of
    its axes in memory, which decides how a sum is rounded and what ``ravel(order="K")`` returns. Annotations count by
    their text. Comments, line numbers and the names of files and modules do not count. What a function reads from
    files, or reaches by names that it computes, is not seen.

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
    walk.add_attributes_of_modules()
    return walk.digest.hexdigest()


class _Walk:
    """One pass over a value; objects met again count by their first position, so cycles end."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.seen: dict[int, int] = {}
        self.kept: list[object] = []  # an id is unique only while the object lives
        self.modules: list[types.ModuleType] = []
        self.names: set[str] = set()

    def note(self, *parts: object) -> None:
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            self.digest.update(len(data).to_bytes(8, "big") + data)

    def add(self, value: Any) -> None:
        kind = type(value)
        if value is None or value is Ellipsis or kind in (bool, float, complex, str, bytes):
            self.note(kind.__name__, value if kind is bytes else repr(value))
        elif kind is int:  # Python refuses to write long numbers with decimal digits
            self.note("int", hex(value))
        elif kind in (tuple, frozenset, types.CodeType):
            # Python may share equal ones or not, so their other positions say nothing
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
            self.note(kind.__name__, len(value))
            for item in itertools.chain.from_iterable(value.items()):
                self.add(item)
        elif isinstance(value, Tensor):
            self.add_tensor(value)
        elif (kind is np.ndarray or isinstance(value, np.generic)) and value.dtype.kind in "biufcmMSUV":
            self.add_array(value)
        elif isinstance(value, (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)):
            raise TypeError(
                f"fingerprint got a {kind.__name__}, and random draws have no content: leave them to augmented(), "
                "after cached()"
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
            self.add_module(value)
        elif isinstance(value, type):
            self.add_class(value)
        elif isinstance(value, functools.partial):
            self.add((kind, value.func, value.args, value.keywords, vars(value)))
        elif isinstance(value, WRAPPERS):
            self.add(kind)
            self.add([getattr(value, name, None) for name in ("__func__", "func", "fget", "fset", "fdel")])
        elif isinstance(value, dataclasses.Field):
            self.note("field", _text(value.type))
            self.add([getattr(value, name) for name in dataclasses.Field.__slots__ if name != "type"])
        elif isinstance(value, (types.GetSetDescriptorType, types.MemberDescriptorType)):
            self.note("slot", value.__name__)
        else:
            self.add_instance(value, kind)

    def add_tensor(self, value: Tensor) -> None:
        if value.layout != torch.strided or value.is_quantized or value.is_nested or value.is_meta:
            form = "quantized" if value.is_quantized else "nested" if value.is_nested else value.layout
            form = "without data" if value.is_meta else f"of layout {form}"
            raise TypeError(f"fingerprint reads strided tensors, got one {form}: pass it as a dense one")
        plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
        self.note("tensor", type(value).__name__, plain.dtype, list(plain.shape), value.requires_grad)
        self.note(*_axes_in_memory(value.shape, value.stride()))
        self.note(plain.flatten().view(torch.uint8).numpy().tobytes())
        if type(value) is not Tensor or vars(value):
            self.add((type(value), vars(value)))

    def add_array(self, value: np.ndarray | np.generic) -> None:
        data = np.ascontiguousarray(value)
        self.note(*_axes_in_memory(value.shape, value.strides))
        if data.dtype.hasobject:
            self.add((type(value), repr(data.dtype), value.shape, data.ravel().tolist()))
            return
        self.note("array", type(value).__name__, repr(data.dtype), value.shape, data.tobytes())

    def add_module(self, value: types.ModuleType) -> None:
        name = _as_main(value.__name__)
        self.note("module", name, version_of(name))
        if not is_installed(name):
            self.modules.append(value)

    def add_attributes_of_modules(self) -> None:
        """Follow all attributes of modules that any code names, until there is nothing new."""
        done: set[tuple[int, str]] = set()
        while pairs := {*itertools.product(range(len(self.modules)), self.names)} - done:
            done |= pairs
            for place, name in sorted(pairs):
                module = self.modules[place]
                if hasattr(module, name):
                    self.note("attribute", _as_main(module.__name__), name)
                    self.add(getattr(module, name))

    def add_function(self, value: types.FunctionType) -> None:
        self.note("function", value.__qualname__)
        closure = [_content(cell) for cell in value.__closure__ or ()]
        held = (value.__defaults__, value.__kwdefaults__, closure, value.__dict__)
        # not __module__, which functools.wraps copies from another function
        home = _as_main(value.__globals__.get("__name__") or "")
        if is_installed(home):
            self.note(home, version_of(home))
            name = value.__code__.co_qualname
            if "<" in name:  # a lambda or a local function, of which a module may have several
                self.add(value.__code__)
            # a class that a library created at run time may hold anything
            self.add(held if "<locals>" in name else closure)
            return
        self.add(value.__code__)
        self.add(held)
        self.add_annotations(value)
        self.names.update(names_of(value.__code__))
        for name, item in named_by(value):
            self.note("global", name)
            self.add(item)

    def add_annotations(self, value: types.FunctionType) -> None:
        evaluation = getattr(value, "__annotate__", None)  # from Python 3.14 on, unless they are texts
        if evaluation is None:
            self.note("annotations", *(_text(part) for item in value.__annotations__.items() for part in item))
        else:
            self.add(evaluation)

    def add_code(self, code: types.CodeType) -> None:
        self.note("code", code.co_name, code.co_code, code.co_exceptiontable, code.co_flags)
        self.note(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
        self.add((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_consts))

    def add_class(self, value: type) -> None:
        self.note("class", _home(value), value.__qualname__)
        if is_installed(_home(value)):
            self.note(version_of(_home(value)))
            if _is_findable(value):
                return
        self.add((type(value), value.__bases__))
        for name, item in vars(value).items():
            if name == "__annotations__" and isinstance(item, dict):  # Python creates an empty one on access
                for key, annotation in item.items():
                    self.note("annotation", key, _text(annotation))
            elif name not in CLASS_NOTES:
                self.note("attribute", name)
                self.add(item)

    def add_instance(self, value: Any, kind: type) -> None:
        self.note("instance")
        self.add(kind)
        if isinstance(value, BUILT_IN):
            owner = getattr(value, "__self__", None)
            self.note(getattr(value, "__module__", ""), getattr(value, "__qualname__", value.__name__))
            self.add(None if isinstance(owner, types.ModuleType) else owner)
            if isinstance(value, np.ufunc) and value.__name__.endswith(" (vectorized)"):
                # made from a function by np.frompyfunc, which has no attribute for it
                functions = [item for item in gc.get_referents(value) if callable(item)]
                self.add((functions, value.nin, value.nout, value.identity))
            return
        try:
            reduce = copyreg.dispatch_table.get(kind)
            reduced: Any = value.__reduce_ex__(4) if reduce is None else reduce(value)
        except Exception as error:
            raise TypeError(
                f"fingerprint cannot read the content of a {kind.__module__}.{kind.__qualname__} ({error}): "
                "build the transform from functions, numbers, arrays and plain objects"
            ) from error
        if isinstance(reduced, str):
            self.add_by_name(value, reduced)
            return
        self.add(reduced[:3])
        if isinstance(value, enum.Enum):
            self.add(vars(value))  # Python would rebuild the member from its value alone
        for items in reduced[3:5]:
            self.add(None if items is None else list(items))

    def add_by_name(self, value: Any, name: str) -> None:
        if type(value).__module__ == "typing":
            parts = ("__supertype__", "__bound__", "__constraints__")
            self.note(type(value).__name__, _text(value), *(_text(getattr(value, part, None)) for part in parts))
            return
        wrapped, module = getattr(value, "__wrapped__", None), _home(value)
        if wrapped is None and not is_installed(module):
            raise TypeError(f"fingerprint cannot read the content of {module}.{name}, a {type(value).__name__}")
        self.note(module, name, version_of(module))
        self.add(wrapped)


def _axes_in_memory(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    """Return the axes from the one with the largest steps in memory to the one with the smallest.

    Axes that take no steps, of one element or of copies, are left out. So are all axes if they are in order.
    """
    axes = [axis for axis, size in enumerate(shape) if size > 1 and strides[axis]]
    ordered = sorted(axes, key=lambda axis: -abs(strides[axis]))
    return [] if ordered == axes else ordered


def _home(value: Any) -> str:
    """Return the name of the module of a function or class."""
    name = getattr(value, "__module__", None)
    # a type written in Cython has a descriptor in this place
    return _as_main(name if isinstance(name, str) and name else type(value).__module__)


def _as_main(name: str) -> str:
    """Return a module's name, the same in the main process and in workers that it spawned."""
    return "__main__" if name == "__mp_main__" else name


def _is_findable(value: type) -> bool:
    """Return True if a class is what its module holds under its name, and was not created at run time."""
    held: Any = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        held = getattr(held, part, None)
    return held is value or not value.__flags__ & HEAP_TYPE


def _text(annotation: object) -> str:
    text = annotation if isinstance(annotation, str) else repr(annotation)
    return re.sub(r" at 0x[0-9a-f]+", "", text.replace("__mp_main__", "__main__"))


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the name is bound later
        return None
