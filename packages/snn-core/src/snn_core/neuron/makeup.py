"""The makeup of a neuron: its constants, its options, and whether its step runs code of a user."""

from __future__ import annotations

import operator
import sys
import types
import weakref
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList, type_before_parametrizations

from snn_core.effects.attributes import HOOKS, NO_OPTIONS, is_at_home, module_of
from snn_core.programs.tracing import Equation

_OURS = frozenset({"snn_core", "snn_functional", "snn_cpu", "snn_triton", "snn_export", "snn_nir", "snn_ipu"})
# layers of torch that change nothing and draw no numbers, whose attributes say what they compute
_PARTS = frozenset({nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Identity, nn.ModuleDict, ParametrizationList})
_PLAIN = frozenset({type(None), bool, int, float, complex, str, torch.dtype, torch.device, torch.Size})
_NONE: frozenset[str] = frozenset()


class _Read(NamedTuple):
    """A reading of a module or an option: the names of its attributes, and the objects that they were.

    Args:
        owner: The module or option; None for the neuron itself, which its makeup must not keep alive.
        names: The names of its attributes that are options.
        values: What :func:`_values` returned.
    """

    owner: Any
    names: tuple[str, ...]
    values: tuple[Any, ...]


def _values(owner: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the attributes of an object by name, their number, and the class, parts and tensors of a module."""
    state = vars(owner)
    values = len(state), *map(state.get, names)
    if not isinstance(owner, nn.Module):
        return values
    tensors = *state["_parameters"].values(), *state["_buffers"].values()
    return *values, type(owner), *state["_modules"].values(), *tensors


def _form(constant: Tensor) -> tuple[Any, ...]:
    return constant.shape, constant.dtype, constant.device, constant.requires_grad


@dataclass(frozen=True, slots=True)
class Makeup:
    """Everything that a program of a neuron depends on, apart from the values of its constants.

    Args:
        constants: The tensors that its equation may read, by path.
        options: The plain attributes of its modules, the shapes, dtypes, devices and learning of its constants, and
            ``ours``.
        ours: True if its step runs only code of these packages, which is known by its options.
        forms: The shape, dtype, device and learning of each constant.
        read: What was read of its modules and options; nothing if any of that may change without being replaced.
    """

    constants: Mapping[str, Tensor]
    options: Hashable
    ours: bool
    forms: tuple[tuple[Any, ...], ...]
    read: tuple[_Read, ...]

    @classmethod
    def of(cls, neuron: Any) -> Makeup:
        """Return the makeup of a neuron as it is now.

        Example:
            >>> import snn_core as snn
            >>> lif = snn.Leaky(beta=0.9)
            >>> makeup = Makeup.of(lif)
            >>> [*makeup.constants], makeup.ours
            (['threshold', 'graded_spikes_factor', 'beta'], True)
            >>> lif.reset_mechanism = "zero"
            >>> Makeup.of(lif).options == makeup.options
            False
        """
        ours, plain, options, read = True, True, list[Any](), list[_Read]()
        parameters, buffers, seen = dict[str, Tensor](), dict[str, Tensor](), set[int]()
        for prefix, module in _parts(neuron, "", set(), getattr(neuron, "ahead", _NONE)):
            state = vars(module)
            kind = type(module)
            if "parametrizations" in state["_modules"]:
                kind = type_before_parametrizations(module)
            ours = ours and is_ours(kind)
            options.append(kind)
            names = tuple([name for name in state if name not in NO_OPTIONS])
            read.append(_Read(None if module is neuron else module, names, _values(module, names)))
            for name in names:
                value = state[name]
                option = value if type(value) in _PLAIN else _option(value, read)
                if option is None and value is not None:
                    ours = plain = False
                else:
                    options += name, type(value), option
            for named, of_module in (parameters, state["_parameters"]), (buffers, state["_buffers"]):
                for name, tensor in of_module.items():
                    if tensor is not None and id(tensor) not in seen:
                        seen.add(id(tensor))
                        if tensor.is_floating_point():
                            named[prefix + name] = tensor
        constants = parameters | buffers
        forms = tuple(map(_form, constants.values()))
        options += zip(constants, forms, strict=True)
        return cls(constants, (ours, *options), ours, forms, tuple(read) if plain else ())

    def is_of(self, neuron: Any) -> bool:
        """Return True if this is still the makeup of the neuron of which it was read; False if that is not known."""
        for owner, names, values in self.read:
            now = _values(neuron if owner is None else owner, names)
            if len(now) != len(values) or not all(map(operator.is_, now, values)):
                return False
        return bool(self.read) and self.forms == tuple(map(_form, self.constants.values()))


def hooked_part(neuron: nn.Module) -> str:
    """Return the reason why a neuron's parts must be called step by step, a hook on one of them, or an empty string."""
    if not neuron._modules:
        return ""
    for prefix, part in _parts(neuron, "", set()):
        if prefix and any(vars(part)[hooks] for hooks in HOOKS):
            return f"its part {prefix[:-1]!r} ({type(part).__name__}) has a hook, which expects one step at a time"
    if any(getattr(nn.modules.module, f"_global{hooks}") for hooks in HOOKS):
        return "it has parts, and a hook on all modules expects one step at a time"
    return ""


def _parts(
    module: nn.Module, prefix: str, seen: set[int], without: frozenset[str] = _NONE
) -> Iterator[tuple[str, nn.Module]]:
    if id(module) not in seen:
        seen.add(id(module))
        yield prefix, module
        for name, part in module._modules.items():
            if part is not None and name not in without:
                yield from _parts(part, f"{prefix}{name}.", seen)


def _option(value: Any, read: list[_Read]) -> Any:
    """Return an attribute so that it can be compared, in which 1, 1.0 and True differ; None if that is not possible.

    What is read of the attributes of options is added to ``read``.
    """
    kind = type(value)
    if kind in _PLAIN:
        return kind, value
    if kind is tuple:
        options = tuple([_option(item, read) for item in value])
        return None if None in options else (kind, options)
    if isinstance(value, type):
        return (value,)
    if kind is types.FunctionType:
        home = sys.modules.get(module_of(value))
        is_of_us = module_of(value).partition(".")[0] in _OURS and value.__globals__ is vars(home)
        return (value,) if is_of_us else None
    if is_ours(kind) and hasattr(value, "__dict__") and not isinstance(value, nn.Module | Tensor):
        # a surrogate or a reset
        names = tuple(vars(value))
        if names:
            read.append(_Read(value, names, _values(value, names)))
        options = tuple([_option(item, read) for item in vars(value).values()])
        return None if None in options else (kind, options)
    return None


_KNOWN: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()


def is_ours(kind: type) -> bool:
    """Return True for a class that these packages define, and for a layer of torch with known effects."""
    known = _KNOWN.get(kind)
    if known is None:
        known = kind in _PARTS or (module_of(kind).partition(".")[0] in _OURS and is_at_home(kind))
        _KNOWN[kind] = known
    return known


def constants_of(neuron: Any) -> dict[str, Tensor]:
    """Return the tensors of a neuron that its equation may read as constants, by path."""
    return dict(Makeup.of(neuron).constants)


def with_constants(neuron: Any, constants: Mapping[str, Tensor]) -> Any:
    """Return a twin of a neuron that shares everything with it except some constants.

    Args:
        neuron: A module.
        constants: The tensors that replace parameters or buffers, by path.
    """
    twin = object.__new__(type(neuron))
    vars(twin).update(vars(neuron))
    own = {path: value for path, value in constants.items() if "." not in path}
    for kind in ("_parameters", "_buffers"):
        vars(twin)[kind] = {name: own.get(name, value) for name, value in vars(neuron)[kind].items()}
    vars(twin)["_modules"] = {
        name: part and with_constants(part, _below(name, constants)) for name, part in neuron._modules.items()
    }
    return twin


def _below(name: str, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {path[len(name) + 1 :]: value for path, value in constants.items() if path.startswith(name + ".")}


def equation_of(neuron: Any, state: Any = None) -> Equation:
    """Return the step of a neuron as a pure function of tensors.

    Args:
        neuron: A :class:`~snn_core.SpikingNeuron`.
        state: Class of what a step takes and returns: the neuron's ``State`` or ``_Carried``; the former if None.
    """

    def step(x: Tensor, before: Any, constants: Mapping[str, Tensor]) -> tuple[Tensor, Any]:
        emitted, after, _ = with_constants(neuron, constants).advance(x, before, None)
        return emitted, after

    return Equation(step, constants_of(neuron), state or neuron.State, neuron.state_shape, type(neuron).__name__)
