"""What a net's own code may change while it runs a step, besides what its neurons keep."""

from __future__ import annotations

import io
import operator
import random
import threading
import types
import weakref
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from functools import cache, partial
from itertools import count
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snn_core.neuron.temporal import Temporal
from snn_core.sequence.random_states import RandomStates

_VALUES = frozenset({type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size, range})
_PLAIN = _VALUES | {type, types.BuiltinFunctionType}
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
_OF_EVERY_NEURON = frozenset({"_kept", "_kept_in", "_stateless", "_goes_on"})
_LIBRARIES = ("torch", "numpy", "snn_core", "snn_functional", "snn_cpu", "snn", "builtins", "math", "random", "typing")


class Surroundings:
    """A look at everything that the code of a net can reach and change, to be held against a second look.

    These are the attributes of its modules, down into lists, dicts and objects, the global names, closures and defaults
    of its methods and of the functions that they call, its tensors' counts of changes, and random generators.

    Args:
        net: The net.

    Example:
        >>> net = nn.Identity()
        >>> net.calls = {"forward": [0]}
        >>> net.forward = lambda x: net.calls["forward"].append(x)
        >>> before = Surroundings(net)
        >>> before.change()
        ''
        >>> net(1)
        >>> before.change()
        "changes the attribute 'calls' of Identity while it runs"
    """

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._modules = list(net.named_modules())
        self._has_own_code = any(not _is_known(type(m)) or "forward" in vars(m) for _, m in self._modules)
        self._numbers = RandomStates() if self._has_own_code else None
        self._tensors: dict[int, Tensor] = {}
        self._uncopied: dict[int, Any] = {}
        self._seen = self._look()

    def change(self) -> str:
        """Say what has changed since: a phrase such as "draws random numbers", or nothing."""
        if not self._has_own_code:
            return ""
        now = self._look()
        changed = next(self._changes(now), "")
        if changed:
            return f"changes {changed} while it runs"
        assert self._numbers is not None
        return "draws random numbers" if self._numbers.moved() else ""

    def change_elsewhere(self) -> str:
        """Say what has changed since that lies outside of the modules and of random generators, or nothing."""
        if not self._has_own_code:
            return ""
        changes = self._changes(self._look())
        changed = next((where for where in changes if not where.startswith(("the attribute", "the buffer"))), "")
        return f"changes {changed} while it runs" if changed else ""

    def holds(self, tensor: Tensor) -> bool:
        """Return True if a tensor was there before, where the code of the net can reach it."""
        return self._tensors.get(id(tensor)) is tensor

    def tensors(self) -> list[tuple[int, Tensor]]:
        """Return the tensors that the code of the net can reach, with the identity of each."""
        return list(self._tensors.items())

    def twins(self) -> dict[int, Any]:
        """Return twins of what ``copy.deepcopy`` does not copy, by identity, as it takes them."""
        return {identity: _twin(value) for identity, value in self._uncopied.items() if _has_twin(value)}

    def iterator(self) -> str:
        """Return the name of the kind of an iterator that cannot be copied and that the code can reach, or nothing."""
        return next((type(v).__name__ for v in self._uncopied.values() if not _has_twin(v)), "")

    def _look(self) -> _Seen:
        seen = _Seen([], [], [], {}, {})
        if not self._has_own_code:
            return seen
        look = _Look(seen.elsewhere)
        kinds: dict[type, None] = {}
        for _, module in self._modules:
            kind, values = type(module), vars(module)
            kinds[kind] = None
            seen.attributes.append((tuple(values), tuple(values.values())))
            seen.parts.append({**module._parameters, **module._buffers, **module._modules})
            for name, value in values.items():
                if type(value) not in _PLAIN and name not in _OF_EVERY_MODULE and name not in _OF_EVERY_NEURON:
                    seen.contents.append((name, kind, look.digest(value)))
        for parts in seen.parts:
            for part in parts.values():
                if isinstance(part, Tensor):
                    seen.elsewhere["an attribute of a parameter or buffer", id(part)] = look.digest(part)
        seen.versions.update((identity, _version(tensor)) for identity, tensor in look.tensors.items())
        for kind in kinds:
            if not _is_known(kind):
                look.code(kind)
        others = (item for item in look.tensors.items() if item[0] not in seen.versions)
        seen.elsewhere.update((("a tensor", identity), _version(tensor)) for identity, tensor in others)
        self._tensors.update(look.tensors)
        self._uncopied.update(look.uncopied)
        return seen

    def _changes(self, now: _Seen) -> Iterator[str]:
        """Name what is not as it was."""
        for (_, module), (names, values), (names_now, values_now) in zip(
            self._modules, self._seen.attributes, now.attributes, strict=True
        ):
            if names == names_now and all(map(operator.is_, values, values_now)):
                continue
            before, after = dict(zip(names, values, strict=True)), dict(zip(names_now, values_now, strict=True))
            skipped = _OF_EVERY_NEURON if isinstance(module, Temporal) else ()
            for name in {**before, **after}:
                same = name in before and name in after and _same(before[name], after[name])
                if not same and name not in skipped:
                    yield f"the attribute {name!r} of {type(module).__name__}"
        for (path, module), parts, parts_now in zip(self._modules, self._seen.parts, now.parts, strict=True):
            for name in {**parts, **parts_now}:
                if name not in parts or name not in parts_now or parts[name] is not parts_now[name]:
                    if name in module._buffers:
                        yield f"the buffer {f'{path}.{name}' if path else name!r}"
                    else:
                        yield f"{name!r} of {type(module).__name__}, a parameter or module,"
        for name, kind, content in self._seen.contents:
            if (name, kind, content) not in now.contents:
                yield f"the attribute {name!r} of {kind.__name__}"
        for identity, version in now.versions.items():
            if self._seen.versions.get(identity, version) != version:
                yield self._name(identity)
        for where, content in now.elsewhere.items():
            if self._seen.elsewhere.get(where, content) != content:
                yield where[0]

    def _name(self, identity: int) -> str:
        names = {id(p): f"the parameter {path!r}" for path, p in self._net.named_parameters()}
        names |= {id(b): f"the buffer {path!r}" for path, b in self._net.named_buffers()}
        return names.get(identity, "the attribute that is a tensor")


class _Seen(NamedTuple):
    attributes: list[tuple[tuple[str, ...], tuple[Any, ...]]]  # of each module
    parts: list[dict[str, Any]]  # the parameters, buffers and modules of each
    contents: list[tuple[str, type, Any]]  # of the attributes that can be changed without another taking their place
    versions: dict[int, int]  # how often the tensors in modules were changed
    elsewhere: dict[tuple[Any, ...], Any]  # what code can reach by name, and by which code


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) in _VALUES and type(a) is type(b) and a == b)


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version


class _Look:
    def __init__(self, elsewhere: dict[tuple[Any, ...], Any]) -> None:
        self._elsewhere = elsewhere  # what code can reach by name
        self.tensors: dict[int, Tensor] = {}
        self.uncopied: dict[int, Any] = {}  # what copy.deepcopy does not copy
        self._seen: dict[int, Any] = {}  # what was looked at already; held, so that no other object takes its place
        self._code: set[Any] = set()

    def digest(self, value: Any) -> Any:
        """Return what tells a value from another one, and from itself once it was changed."""
        if type(value) in _PLAIN:
            return value
        if isinstance(value, Tensor):
            self.tensors[id(value)] = value
            return (id(value), self.digest(vars(value))) if vars(value) else id(value)
        if isinstance(value, nn.Module):
            self.tensors.update((id(t), t) for t in (*value.parameters(), *value.buffers()))
            return id(value)
        if isinstance(value, types.ModuleType) or id(value) in self._seen or _is_ours(type(value)):
            return id(value)
        self._seen[id(value)] = value
        return id(value), self._content(value)

    def _content(self, value: Any) -> Any:
        if isinstance(value, dict):
            return [(self.digest(key), self.digest(item)) for key, item in value.items()]
        if isinstance(value, list | tuple | set | frozenset) or type(value).__name__ == "deque":
            return [self.digest(item) for item in value]
        if isinstance(value, torch.Generator):
            self.uncopied[id(value)] = value
            return _Same(value.get_state())
        if isinstance(value, random.Random):
            return value.getstate()
        if type(value).__module__.startswith("numpy"):
            objects = str(getattr(value, "dtype", "")) == "object"
            return [self.digest(item) for item in value.flat] if objects else _of_numpy(value)
        if isinstance(value, threading.local):
            return self._content(vars(value))
        if isinstance(value, types.FunctionType | types.MethodType):
            self.code(getattr(value, "__func__", value))
            return self.digest(getattr(value, "__self__", None))
        if isinstance(value, partial):
            return [self.digest(item) for item in (value.func, *value.args, *value.keywords.values())]
        if isinstance(value, types.GeneratorType):
            self.uncopied[id(value)] = value
            frame = value.gi_frame
            return None if frame is None else (frame.f_lasti, [self.digest(v) for v in frame.f_locals.values()])
        if isinstance(value, count):
            self.uncopied[id(value)] = value
            return repr(value)
        if isinstance(value, weakref.ref):
            return id(value)
        names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        own = [_attribute(value, name) for name in (*names, "__dict__")]
        own = [item for item in own if item is not None and not isinstance(item, types.MappingProxyType)]
        return [self.digest(item) for item in own] if own not in ([], [{}]) else self._sealed(value)

    def _sealed(self, value: Any) -> Any:
        """What an object without attributes holds; what equals nothing if it may hold something and does not tell."""
        if isinstance(value, ContextVar):
            return self.digest(value.get(None))
        with suppress(TypeError, ValueError):
            return memoryview(value).tobytes()
        if isinstance(value, io.StringIO | io.BytesIO):
            return value.getvalue(), value.tell()
        if hasattr(type(value), "__length_hint__"):
            return value.__length_hint__()
        if hasattr(type(value), "__next__") or hasattr(type(value), "qsize"):
            self.uncopied[id(value)] = value
            return object()
        return None

    def code(self, owner: Any) -> None:
        """Look at what the methods of a class, or a function, can reach by name."""
        if isinstance(owner, types.FunctionType):
            self._function(owner)
        elif isinstance(owner, type) and owner not in self._code:
            self._code.add(owner)
            for kind in owner.__mro__:
                if _is_known(kind):
                    continue
                for name, value in vars(kind).items():
                    if isinstance(value, types.FunctionType):
                        self._function(value)
                    elif not name.startswith("__") and not isinstance(value, property | classmethod | staticmethod):
                        self._elsewhere[f"a value of the class {kind.__name__}, {name!r},", kind] = self.digest(value)

    def _function(self, function: types.FunctionType) -> None:
        if function in self._code or _is_library(function.__module__ or ""):
            return
        self._code.add(function)
        own = (vars(function), function.__defaults__, function.__kwdefaults__)
        for i, value in enumerate((*own, *_cells(function))):
            self._elsewhere[f"what {function.__qualname__} holds", function, i] = self.digest(value)
        for name in _names(function.__code__):
            value = function.__globals__.get(name)
            if value is None or isinstance(value, types.BuiltinFunctionType):
                continue
            if isinstance(value, types.FunctionType | type):
                self.code(value)
            elif isinstance(value, types.ModuleType):
                if not _is_library(value.__name__) and not name.startswith("@"):  # those of pytest begin so
                    own = [vars(value).get(n) for n in _names(function.__code__)]
                    self._elsewhere[f"the module {name}", function] = [self.digest(v) for v in own if not callable(v)]
            else:
                self._elsewhere[f"the global {name!r}", function] = self.digest(value)


def _attribute(value: Any, name: str) -> Any:
    """An attribute that is there, without a call of the object's own ``__getattr__``."""
    with suppress(AttributeError):
        return object.__getattribute__(value, name)
    return None


def _has_twin(value: Any) -> bool:
    return isinstance(value, torch.Generator | count)


def _twin(value: torch.Generator | count[Any]) -> Any:
    if isinstance(value, torch.Generator):
        return torch.Generator(value.device).set_state(value.get_state())
    numbers = repr(value)[len("count(") : -1].split(", ")  # which alone tells where it is without moving it
    return count(*(int(n) if n.lstrip("-").isdigit() else float(n) for n in numbers))


class _Same:
    """A tensor that equals another one of the same values."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and torch.equal(self.tensor, other.tensor)

    __hash__ = None  # type: ignore[assignment]


def _of_numpy(value: Any) -> Any:
    generator = getattr(value, "bit_generator", getattr(value, "_bit_generator", None))
    if generator is not None:
        return repr(generator.state)
    return hash(value.tobytes()) if hasattr(value, "tobytes") else id(value)


def _cells(function: Any) -> list[Any]:
    """Return the values of the closure of a function, but for those that are not there yet."""
    contents: list[Any] = []
    for cell in getattr(getattr(function, "__func__", function), "__closure__", None) or ():
        with suppress(ValueError):
            contents.append(cell.cell_contents)
    return contents


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _is_library(module: str) -> bool:
    return module.partition(".")[0] in _LIBRARIES


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith("snn_")


@cache
def _is_known(kind: type) -> bool:
    """Return True for a class of torch or of ours, whose code changes nothing but what is looked at elsewhere."""
    return _is_library(kind.__module__)
