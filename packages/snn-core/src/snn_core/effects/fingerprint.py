"""The fingerprint of a net: what its own code can reach by name, and may change in a step besides states of neurons."""

from __future__ import annotations

import sys
import types
import weakref
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.effects.attributes import HOOKS, NO_OPTIONS, is_at_home, module_of
from snn_core.effects.contents import content, parts, sum_of_bits, version_of
from snn_core.effects.random_states import RandomStates
from snn_core.surrogate.step import Surrogate

_OURS = ("snn_core", "snn_functional", "snn_cpu", "snn_triton", "snn")
_LIBRARIES = ("torch", "numpy", "builtins", "math", "random", "typing", *_OURS)
# packages whose objects, other than modules and surrogates, do not change
_CONSTANT = (*_OURS, "snn_data", "snn_export", "snn_ipu", "snn_nir", "snn_plot", "snn_spikegen")


class Fingerprint:
    """A record of what the code of a net can reach by name, to be compared with a later one.

    It covers the values of parameters and buffers; the attributes of modules, down into containers and objects; the
    closures, defaults and global names of their methods and of the functions that these call; and random generators.

    Args:
        net: The net.
        whole: Also look at a net made only of library modules, which change nothing by themselves.
        hooks: Also look at what hooks on modules can reach.

    Example:
        >>> net = nn.Identity()
        >>> net.calls = {"forward": [0]}
        >>> net.forward = lambda x: net.calls["forward"].append(x)
        >>> before = Fingerprint(net)
        >>> before.change()
        ''
        >>> net(1)
        >>> before.change()
        "changes the attribute 'calls' of Identity while it runs"
    """

    def __init__(self, net: nn.Module, whole: bool = False, hooks: bool = False) -> None:
        self._net, self._hooks = net, hooks
        modules = list(net.modules())
        own = (not is_library(type(m)) or "forward" in vars(m) for m in modules)
        has_own_code = whole or any(own) or (hooks and any(map(_own_hooks, modules)))
        self._modules = modules if has_own_code else []
        self._numbers = RandomStates() if has_own_code else None
        self.reached: Walk = Walk(self._modules, hooks)

    def change(self, elsewhere: bool = False, but: Collection[str] = (), drawn: RandomStates | None = None) -> str:
        """Describe a change since the record was made: a phrase such as "draws random numbers", or an empty string.

        Args:
            elsewhere: Ignore attributes and buffers of modules, and random generators.
            but: Names of places to ignore, such as "the buffer 'mean'".
            drawn: The states in which random generators are expected, if not those of the record.
        """
        before, now, nothing = self.reached.places, Walk(self._modules, self._hooks).places, object()
        changed = (place for place in {**before, **now} if before.get(place, nothing) != now.get(place, nothing))
        for name in (self._name(*place) for place in changed):
            if name not in but and not (elsewhere and name.startswith(("the attribute", "the buffer"))):
                return f"changes {name} while it runs"
        return "draws random numbers" if not elsewhere and self.has_drawn(drawn) else ""

    def has_drawn(self, drawn: RandomStates | None = None) -> bool:
        """Return True if random generators are in other states than expected, or else than when it was made."""
        expected = self._numbers if drawn is None else drawn
        return self._numbers is not None and expected is not None and expected.moved()

    def holds(self, tensor: Tensor) -> bool:
        """Return True if a tensor already existed at a place that the code of the net can reach."""
        return self.reached.held.get(id(tensor)) is tensor

    def _name(self, owner: Any, name: str) -> str:
        module = next((m for m in self._modules if id(m) == owner), None)
        if module is None:
            return name
        paths = {id(module): path for path, module in self._net.named_modules()}
        path = ".".join(filter(None, (paths.get(owner), name)))
        parts = {"parameter": module._parameters, "buffer": module._buffers, "module": module._modules}
        kind = next((kind for kind, of_kind in parts.items() if name in of_kind), "")
        return f"the {kind} {path!r}" if kind else f"the attribute {name!r} of {type(module).__name__}"


def _own_hooks(module: nn.Module) -> list[Any]:
    return [hook for kind in HOOKS for hook in vars(module)[kind].values() if not is_of_torch(hook)]


def is_library(kind: type) -> bool:
    """Return True for a class of torch and the like, whose code changes only what is compared elsewhere."""
    known = _KNOWN.get(kind)
    if known is None:
        is_static = not kind.__flags__ & _HEAP_TYPE
        known = is_static or (module_of(kind).partition(".")[0] in _LIBRARIES and is_at_home(kind))
        _KNOWN[kind] = known
    return known


_KNOWN: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()
_HEAP_TYPE = 1 << 9  # the flag of classes that are made at run time


def _is_of_library(function: types.FunctionType) -> bool:
    """Return True for a function of torch and the like, other than one that wraps a user's."""
    names = module_of(function), function.__globals__.get("__name__")
    return all(str(name).partition(".")[0] in _LIBRARIES and name in sys.modules for name in names)


def is_of_torch(hook: Any) -> bool:
    """Return True for a hook with which torch computes weights, such as pruning's."""
    return any(module_of(kind).startswith("torch.nn.utils") for kind in type(hook).__mro__)


class Walk:
    """A walk over the places that the code of modules can reach by name.

    Args:
        modules: The modules of a net.
        hooks: Also look at the hooks of modules.
        kinds: Of parameters and buffers, look only at shape, dtype, device and ``requires_grad``.

    ``places`` has a digest of the value at each place, by the identity of its owner and its name in a module, or else a
    phrase. ``held`` has all objects on the way, by identity, and keeps them alive.
    """

    def __init__(self, modules: list[nn.Module], hooks: bool = False, kinds: bool = False) -> None:
        self.held: dict[int, Any] = {id(module): module for module in modules}
        self.places: dict[tuple[int, str], Any] = {}
        for module in modules:
            parts = {**module._parameters, **module._buffers}
            for name, part in parts.items():
                self.places[id(module), name] = None if part is None else _kind(part) if kinds else self._value(part)
                if part is not None and vars(part):
                    self.places[id(part), "an attribute of a parameter or buffer"] = self._digest(vars(part))
            self.places |= {(id(module), name): id(part) for name, part in module._modules.items()}
        for module in modules:
            for name, value in vars(module).items():
                if name not in NO_OPTIONS:
                    self.places[id(module), name] = self._digest(value)
            if hooks:
                self.places[id(module), "(hooks)"] = list(map(self._digest, _own_hooks(module)))
            self._class(type(module))

    def __reduce__(self) -> Any:
        return Walk, ([],)  # a copy never equals the original, as it refers to different objects

    def _value(self, part: Tensor) -> Any:
        return self._digest(part), sum_of_bits(part)

    def _digest(self, value: Any) -> Any:
        """Return a digest that distinguishes a value from others, and from itself after a change."""
        kind, identity = type(value), id(value)
        if kind in _PLAIN:
            return kind, value  # as 1, 1.0 and True are equal
        known, self.held[identity] = identity in self.held, value
        if known or isinstance(value, _CLOSED):
            return identity
        if isinstance(value, Tensor):
            return identity, version_of(value), vars(value) and self._digest(vars(value))
        if kind is types.FunctionType:
            self._function(value)
            return identity
        if module_of(kind).partition(".")[0] in _CONSTANT and not isinstance(value, nn.Module | Surrogate):
            return identity
        self._class(kind)
        return identity, content(value), [self._digest(part) for part in parts(value)]

    def _class(self, kind: type) -> None:
        for owner in kind.__mro__:
            if id(owner) in self.held or is_library(owner):
                continue
            self.held[id(owner)] = owner
            for name, value in list(vars(owner).items()):
                if isinstance(value, types.FunctionType) or not name.startswith(("__", "_abc_")):
                    phrase = f"a value of the class {owner.__name__}, {name!r},"
                    self.places[id(owner), phrase] = self._digest(value)

    def _function(self, function: types.FunctionType) -> None:
        if _is_of_library(function):
            return
        own = vars(function), function.__defaults__, function.__kwdefaults__, function.__closure__
        self.places[id(function), f"what {function.__qualname__} holds"] = list(map(self._digest, own))
        names = set(_names(function.__code__))
        for name in names & function.__globals__.keys():
            value = function.__globals__[name]
            if isinstance(value, types.ModuleType):
                self._module(name, value, names)
            else:
                self.places[id(function), f"the global {name!r}"] = self._digest(value)
                if isinstance(value, type):
                    self._class(value)

    def _module(self, name: str, module: types.ModuleType, names: set[str]) -> None:
        """Look at the members of a user's module that a function names."""
        if module.__name__.partition(".")[0] in _LIBRARIES or name.startswith("@"):  # pytest's names begin with @
            return
        values = [vars(module)[member] for member in sorted(names & vars(module).keys())]
        values = [value for value in values if not callable(value) or isinstance(value, types.FunctionType | type)]
        self.places[id(module), f"the module {name}"] = list(map(self._digest, values))
        for kind in (value for value in values if isinstance(value, type)):
            self._class(kind)


_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, range, type, types.BuiltinFunctionType})
_PLAIN |= {torch.dtype, torch.device, torch.Size}
# objects that are replaced rather than changed, or are known by their name
_CLOSED = (type, types.ModuleType, types.CodeType, weakref.ref)


def _kind(part: Tensor) -> Any:
    """Return the kind of a parameter or buffer, regardless of its values."""
    return part.shape, part.dtype, part.device, part.requires_grad


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
