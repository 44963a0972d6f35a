"""The surroundings of a net: everything that its own code may change during a step, besides the states of neurons."""

from __future__ import annotations

import copy
import functools
import gc
import io
import random
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.neuron.temporal import Temporal
from snn_core.sequence.plan import HOOKS
from snn_core.sequence.random_states import RandomStates
from snn_core.surrogate.custom import custom_surrogate
from snn_core.surrogate.step import Surrogate

_OF_EVERY_MODULE = frozenset(vars(nn.Module())) - {"training"}
_OF_EVERY_NEURON = _OF_EVERY_MODULE | {"_kept", "_kept_in", "_stateless", "_goes_on", "_programs"}
_OURS = ("snn_core", "snn_functional", "snn_cpu", "snn_triton", "snn")
_LIBRARIES = ("torch", "numpy", "builtins", "math", "random", "typing", *_OURS)
# packages whose objects, other than modules, do not change
_CONSTANT = (*_OURS, "snn_data", "snn_export", "snn_ipu", "snn_nir", "snn_plot", "snn_spikegen")


class Surroundings:
    """A record of everything that the code of a net can reach and change, to be compared with a later one.

    It covers the attributes of its modules, down into lists, dicts and objects; the global names, closures and defaults
    of its methods and of the functions that they call; how often its tensors were changed; and random generators.

    Args:
        net: The net.
        whole: Also look at a net made only of library modules, which change nothing by themselves.
        hooks: Also look at what hooks on modules can reach.

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

    def __init__(self, net: nn.Module, whole: bool = False, hooks: bool = False) -> None:
        self._net, self._hooks = net, hooks
        modules = list(net.modules())
        own = (not _is_library(type(m).__module__) or "forward" in vars(m) for m in modules)
        has_own_code = whole or any(own) or (hooks and any(map(_own_hooks, modules)))
        self._modules = modules if has_own_code else []
        self._numbers = RandomStates() if has_own_code else None
        self._look = Look(self._modules, hooks=hooks)

    def change(self, elsewhere: bool = False) -> str:
        """Describe a change since the record was made: a phrase such as "draws random numbers", or an empty string.

        Args:
            elsewhere: Ignore attributes and buffers of modules, and random generators.
        """
        names = (self._name(*place) for place in self._changes())
        changed = next((n for n in names if not (elsewhere and n.startswith(("the attribute", "the buffer")))), "")
        if changed:
            return f"changes {changed} while it runs"
        return "draws random numbers" if not elsewhere and self._numbers and self._numbers.moved() else ""

    def holds(self, tensor: Tensor) -> bool:
        """Return True if a tensor already existed at a place that the code of the net can reach."""
        return self._look.held.get(id(tensor)) is tensor

    def tensors(self) -> list[tuple[int, Tensor]]:
        """Return the tensors that the code of the net can reach, each with its identity."""
        return [(identity, value) for identity, value in self._look.held.items() if isinstance(value, Tensor)]

    def twins(self) -> dict[int, Any]:
        """Return twins of the objects that ``copy.deepcopy`` does not copy, by identity, for use as its memo."""
        return {identity: _twin(value) for identity, value in self._look.held.items() if isinstance(value, count)}

    def iterator(self) -> str:
        """Return the kind of an iterator that the code can reach and that cannot be copied, or an empty string."""
        return next((type(value).__name__ for value in self._look.held.values() if _is_source(value)), "")

    def _changes(self) -> Iterator[tuple[Any, Any]]:
        """Return the places at which something has changed."""
        before, now = self._look.places, Look(self._modules, hooks=self._hooks).places
        nothing = object()
        for owner in {**before, **now} if before != now else ():
            was, there = before.get(owner, {}), now.get(owner, {})
            yield from ((owner, n) for n in {**was, **there} if was.get(n, nothing) != there.get(n, nothing))

    def _name(self, owner: Any, name: Any) -> str:
        if not isinstance(owner, nn.Module):
            return str(name)
        paths = {module: path for path, module in self._net.named_modules()}
        path = ".".join(filter(None, (paths.get(owner), name)))
        parts = {"parameter": owner._parameters, "buffer": owner._buffers, "module": owner._modules}
        kind = next((kind for kind, of_kind in parts.items() if name in of_kind), "")
        return f"the {kind} {path!r}" if kind else f"the attribute {name!r} of {type(owner).__name__}"


def copied(net: nn.Module) -> nn.Module:
    """Return a copy of a net that can run in its place without changing the net or anything it holds.

    Raises:
        ValueError: If the net cannot be copied; the message gives the reason.
    """
    reached = Surroundings(net)
    if reached.iterator():
        raise ValueError(f"the net holds a {reached.iterator()}, which cannot be read without using it up")
    # tensors inside an autograd graph cannot be copied
    detached = {i: t.detach().clone() for i, t in reached.tensors() if not t.is_leaf}
    try:
        twin = copy.deepcopy(net, detached | reached.twins())
    except Exception as error:
        raise ValueError(f"this {type(net).__name__} cannot be copied ({type(error).__name__}: {error})") from error
    must_be_apart(twin, net)
    return twin


def unhook(twin: nn.Module) -> nn.Module:
    """Remove hooks from a copy of a net, in place, except torch's hooks that compute weights, such as pruning's."""
    for module in twin.modules():
        for kind in HOOKS:
            hooks = getattr(module, kind)
            for key in [key for key, hook in hooks.items() if not _is_of_torch(hook)]:
                del hooks[key]
    return twin


def _own_hooks(module: nn.Module) -> list[Any]:
    return [hook for kind in HOOKS for hook in getattr(module, kind).values() if not _is_of_torch(hook)]


def _is_of_torch(hook: Any) -> bool:
    return any(kind.__module__.startswith("torch.nn.utils") for kind in type(hook).__mro__)


def must_be_apart(twin: nn.Module, net: nn.Module) -> None:
    """Refuse a copy of a net with a replaced ``forward`` that holds the original net, which it would run instead.

    Raises:
        ValueError: If the copy has such a ``forward``; the message names the module.
    """
    others, own = ({id(part) for part in (*n.modules(), *n.parameters(), *n.buffers())} for n in (net, twin))
    for path, module in twin.named_modules():
        if "forward" in vars(module) and not _held_by(module.forward, {}).keys().isdisjoint(others - own):
            raise ValueError(
                f"the forward set on {path or 'the net'!r} ({type(module).__name__}) refers to the net itself, and "
                "would run the net instead of the copy"
            )


def _held_by(value: Any, held: dict[int, Any]) -> dict[int, Any]:
    """Return the objects that a function, method or container holds, by identity."""
    if id(value) not in held:
        held[id(value)] = value
        if isinstance(value, types.FunctionType):
            value = value.__closure__, value.__defaults__, value.__kwdefaults__
        if isinstance(value, types.MethodType | types.CellType | functools.partial | tuple | list | dict):
            for part in gc.get_referents(value):
                _held_by(part, held)
    return held


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


class Look:
    """A record of the values at every place that code can reach, by owner: by name in a module, else by a phrase.

    Args:
        modules: The modules of a net.
        kinds: For parameters and buffers, compare only shape, dtype, device and ``requires_grad``.
        hooks: Also look at the hooks of modules.

    Example:
        >>> layer = nn.Linear(2, 3)
        >>> before = Look([layer], kinds=True)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> before.places == Look([layer], kinds=True).places
        True
    """

    def __init__(self, modules: list[nn.Module], kinds: bool = False, hooks: bool = False) -> None:
        # objects seen so far; kept alive, so that no other object takes their identity
        self.held: dict[int, Any] = {id(module): module for module in modules}
        self.places: dict[Any, dict[str, Any]] = {}
        for module in modules:
            parts = {**module._parameters, **module._buffers, **module._modules}
            for part in parts.values():
                if isinstance(part, Tensor) and vars(part):
                    self.places[id(part)] = {"an attribute of a parameter or buffer": self.digest(vars(part))}
            tell = _kind_of if kinds else self.digest
            self.places[module] = {name: tell(part) for name, part in parts.items()}
        for module in modules:
            others = _OF_EVERY_NEURON if isinstance(module, Temporal) else _OF_EVERY_MODULE
            attributes = {name: self.digest(value) for name, value in vars(module).items() if name not in others}
            self.places[module].update(attributes)
            if hooks:
                self.places[module]["(hooks)"] = list(map(self.digest, _own_hooks(module)))
        for kind in dict.fromkeys(map(type, modules)):
            self._class(kind)

    def __reduce__(self) -> Any:
        return Look, ([],)  # a copy never equals the original, as it refers to different objects

    def digest(self, value: Any) -> Any:
        """Return a digest that distinguishes a value from others, and from itself after a change."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind in _NUMBERS:
            return kind, value  # as 1, 1.0 and True are equal
        identity = id(value)
        if identity in self.held or isinstance(value, _CLOSED):
            self.held[identity] = value
            return identity
        self.held[identity] = value
        if kind.__module__.partition(".")[0] in _CONSTANT:
            return identity, isinstance(value, custom_surrogate) and self.digest(value.custom_surrogate_function)
        if isinstance(value, Surrogate):
            self._class(kind)
        if isinstance(value, Tensor):
            return identity, version_of(value), vars(value) and self.digest(vars(value))
        if kind is types.FunctionType:
            self._function(value)
            return identity
        return identity, _told(value), list(map(self.digest, _parts(value)))

    def _class(self, kind: type) -> None:
        for owner in kind.__mro__:
            if owner in self.places or _is_library(owner.__module__):
                continue
            places = self.places[owner] = {}
            for name, value in vars(owner).items():
                if isinstance(value, types.FunctionType) or not name.startswith(("__", "_abc_")):
                    places[f"a value of the class {owner.__name__}, {name!r},"] = self.digest(value)

    def _function(self, function: types.FunctionType) -> None:
        if _is_library(function.__module__ or ""):
            return
        own = vars(function), function.__defaults__, function.__kwdefaults__, function.__closure__
        places = self.places[function] = {f"what {function.__qualname__} holds": list(map(self.digest, own))}
        names = dict.fromkeys(_names(function.__code__))
        for name, value in ((n, function.__globals__[n]) for n in names if n in function.__globals__):
            if not isinstance(value, types.ModuleType):
                places[f"the global {name!r}"] = self.digest(value)
            elif not _is_library(value.__name__) and not name.startswith("@"):  # pytest's names begin with @
                items = [item for key, item in vars(value).items() if key in names]
                values = [item for item in items if not callable(item) or isinstance(item, types.FunctionType)]
                places[f"the module {name}"] = list(map(self.digest, values))
                for kind in (item for item in items if isinstance(item, type)):
                    self._class(kind)
            if isinstance(value, type):
                self._class(value)


def _kind_of(part: Any) -> Any:
    """Return the kind of a parameter, buffer or submodule, regardless of its values."""
    return (part.shape, part.dtype, part.device, part.requires_grad) if isinstance(part, Tensor) else id(part)


_NUMBERS = frozenset({int, float, complex})
_PLAIN = frozenset({type(None), bool, str, bytes, range, type, types.BuiltinFunctionType})
_PLAIN |= {torch.dtype, torch.device, torch.Size}
_CACHE = type(functools.cache(len))
# objects that are replaced rather than changed, or are known by their name
_CLOSED = (type, types.ModuleType, types.CodeType, types.FrameType, types.MappingProxyType, weakref.ref)

_TELLS: dict[type, Callable[[Any], Any]] = {
    torch.Generator: lambda generator: bytes(generator.get_state().tolist()),
    random.Random: lambda generator: generator.getstate(),
    io.StringIO: lambda text: (text.getvalue(), text.tell()),
    io.BytesIO: lambda text: (text.getvalue(), text.tell()),
    types.GeneratorType: lambda generator: generator.gi_frame and generator.gi_frame.f_lasti,
    count: repr,
}


def _told(value: Any) -> Any:
    """Return a value's own content, without the objects it refers to; equal to nothing if there may be more."""
    if type(value) in (dict, list, tuple):
        return None
    with suppress(TypeError, ValueError, NotImplementedError):
        for kind, tell in _TELLS.items():
            if isinstance(value, kind):
                return tell(value)
        if _is_of_numpy(value):
            return hash(value.tobytes()) if hasattr(value, "tobytes") else repr(getattr(value, "state", None))
        if isinstance(getattr(type(value), "__length_hint__", None), types.MethodDescriptorType):
            return value.__length_hint__()
        if _is_source(value):
            return object()
        return hash(memoryview(value).tobytes())
    return None


def _parts(value: Any) -> list[Any]:
    """Return the objects that a value of any kind refers to."""
    if isinstance(value, threading.local):
        return [vars(value)]
    if isinstance(value, ContextVar):
        return [value.get(None)]
    if isinstance(value, _CACHE):
        return [value.__wrapped__]
    if _is_of_numpy(value) and str(getattr(value, "dtype", "")) == "object":
        return list(value.flat)
    return [*gc.get_referents(value), *(value if isinstance(value, dict) else ()), _attributes(value)]


def _attributes(value: Any) -> Any:
    """Return the attributes of an object, if it has any, without calling its own ``__getattr__``."""
    with suppress(AttributeError):
        return object.__getattribute__(value, "__dict__")
    return None


def _is_of_numpy(value: Any) -> bool:
    return type(value).__module__.startswith("numpy")


def _is_source(value: Any) -> bool:
    """Return True for an iterator that can be neither copied nor asked for its position."""
    kind = type(value)
    if kind is count or hasattr(kind, "__length_hint__") or _attributes(value) is not None:
        return False
    gives = getattr(kind, "__next__", None), getattr(kind, "qsize", None)
    return any(isinstance(method, types.WrapperDescriptorType | types.MethodDescriptorType) for method in gives)


def _twin(value: count[Any]) -> Any:
    numbers = repr(value)[len("count(") : -1].split(", ")  # only its repr gives the position without advancing it
    return count(*(int(n) if n.lstrip("-").isdigit() else float(n) for n in numbers))


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


@functools.cache
def _is_library(module: str) -> bool:
    """Return True for torch and the like, whose code changes only what is checked elsewhere."""
    return module.partition(".")[0] in _LIBRARIES
