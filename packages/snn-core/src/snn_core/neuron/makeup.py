"""The makeup of a neuron: its constants, its options, and whether its step runs code of a user."""

from __future__ import annotations

import sys
import types
import weakref
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Makeup:
    """Everything that a program of a neuron depends on, apart from the values of its constants.

    Args:
        constants: The tensors that its equation may read, by path.
        options: The plain attributes of its modules, and the shapes, dtypes, devices and learning of its constants.
        ours: True if its step runs only code of these packages, which is known by its options.
    """

    constants: Mapping[str, Tensor]
    options: Hashable
    ours: bool

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
        ours, options = True, list[Any]()
        parameters, buffers, seen = dict[str, Tensor](), dict[str, Tensor](), set[int]()
        for prefix, module in _parts(neuron, "", set(), getattr(neuron, "ahead", _NONE)):
            state = vars(module)
            kind = type(module)
            if "parametrizations" in state["_modules"]:
                kind = type_before_parametrizations(module)
            ours = ours and is_ours(kind)
            options.append(kind)
            for name, value in state.items():
                if name in NO_OPTIONS:
                    continue
                option = value if type(value) in _PLAIN else _option(value)
                if option is None and value is not None:
                    ours = False
                else:
                    options += name, type(value), option
            for named, of_module in (parameters, state["_parameters"]), (buffers, state["_buffers"]):
                for name, tensor in of_module.items():
                    if tensor is not None and id(tensor) not in seen:
                        seen.add(id(tensor))
                        if tensor.is_floating_point():
                            named[prefix + name] = tensor
        constants = parameters | buffers
        for name, c in constants.items():
            options += name, c.shape, c.dtype, c.device, c.requires_grad
        return cls(constants, tuple(options), ours)


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


def _option(value: Any) -> Any:
    """Return an attribute so that it can be compared, in which 1, 1.0 and True differ; None if that is not possible."""
    kind = type(value)
    if kind in _PLAIN:
        return kind, value
    if kind is tuple:
        options = tuple(map(_option, value))
        return None if None in options else (kind, options)
    if isinstance(value, type):
        return (value,)
    if kind is types.FunctionType:
        home = sys.modules.get(module_of(value))
        is_of_us = module_of(value).partition(".")[0] in _OURS and value.__globals__ is vars(home)
        return (value,) if is_of_us else None
    if is_ours(kind) and hasattr(value, "__dict__") and not isinstance(value, nn.Module | Tensor):
        # a surrogate or a reset
        options = tuple(_option(v) for v in vars(value).values())
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
    named = *neuron.named_parameters(), *neuron.named_buffers()
    return {n: t for n, t in named if t.is_floating_point() and n.partition(".")[0] not in neuron.ahead}


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
