"""snnTorch's name of an equation, ``_base_state_function``: subclasses override it, and it reads ``self.mem``."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

HOOKS = ("_base_state_function", "_base_state_function_hidden")
"""The hooks, in order: the second is that of neurons with ``init_hidden=True`` in snnTorch before 1.0."""


@dataclass(slots=True, eq=False)
class Shown:
    """A state that a neuron's attributes, such as ``mem``, show while a hook computes the next one."""

    neuron: Any
    state: Any
    owner: type  # the class whose hooks run; the equation that they override is that of a class behind it
    outer: Shown | None


_SHOWN: ContextVar[Shown | None] = ContextVar("shown", default=None)  # in this thread, the innermost


def shown(neuron: Any) -> Shown | None:
    """Return what a neuron shows in this thread; None while no hook of it runs."""
    if neuron._shown is not None or torch.compiler.is_compiling():
        return neuron._shown
    record = _SHOWN.get()
    while record is not None and record.neuron is not neuron:
        record = record.outer
    return record


def from_hooks(owner: Any, overridden: set[str]) -> Callable[[Any, Tensor, Any], Any]:
    """Return the ``integrate`` of a class that overrides hooks.

    A neuron calls the hook of its mode, ``init_hidden``, if its class overrides both. snnTorch 1.0 has only the first
    one, which takes the input alone, and calls it in both modes.

    Args:
        owner: The class.
        overridden: The names of the hooks that it overrides.
    """
    takes_states = {name: _takes_states(getattr(owner, name)) for name in overridden}
    plain, hidden = (name if name in overridden else "" for name in HOOKS)
    by_mode = plain or hidden, hidden if hidden and takes_states.get(plain, True) else plain

    def integrate(self: Any, x: Tensor, state: Any) -> Any:
        name, fields = by_mode[bool(self.init_hidden)], _fields(owner, self)
        states = [getattr(state, field) for field in fields] if takes_states[name] else ()
        result = _showing(self, state, owner, getattr(self, name), x, *states)
        return state._replace(**_named(result, fields, f"{owner.__name__}.{name}"))

    _MADE.add(integrate)
    return integrate


_MADE: weakref.WeakSet[Any] = weakref.WeakSet()  # every integrate that calls hooks


def overridden_equation(self: Any, input_: Tensor, *states: Tensor) -> Any:
    """Return the states, except spikes, after one step without a reset, as snnTorch's neurons do.

    Args:
        self: The neuron.
        input_: Input of one step.
        *states: The states, as in snnTorch before 1.0; those that the neuron shows if there are none.
    """
    record = shown(self)
    kind = type(self) if record is None else record.owner
    fields = _fields(kind, self)
    state = self.State._make([getattr(self, field) for field in self.State._fields])
    state = state._replace(**dict(zip(fields, states, strict=bool(states))))
    order = type(self).__mro__[0 if record is None else type(self).__mro__.index(kind) + 1 :]
    below = next(made for made in (vars(c).get("integrate") for c in order) if made is not None and made not in _MADE)
    after = below(self, input_, state)
    values = tuple(getattr(after, field) for field in fields if field != "spk")
    return values if len(values) > 1 else values[0]


def _takes_states(hook: Callable[..., Any]) -> bool:
    """Return True if a hook needs more arguments than the input: the states, as in snnTorch before 1.0."""
    _, *parameters = inspect.signature(hook).parameters.values()
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    return len(needed) > 1 or any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _fields(owner: Any, neuron: Any) -> tuple[str, ...]:
    """Return the names of the states that the equation of a class has; a mix-in may add others to a neuron."""
    return getattr(owner, "State", type(neuron).State)._fields


def _showing(neuron: Any, state: Any, owner: type, hook: Callable[..., Any], *args: Any) -> Any:
    """Call a hook while its neuron shows a state."""
    if torch.compiler.is_compiling():  # a compiler follows attributes, but not context variables
        before = neuron._shown
        object.__setattr__(neuron, "_shown", Shown(neuron, state, owner, before))
        try:
            return hook(*args)
        finally:
            object.__setattr__(neuron, "_shown", before)
    token = _SHOWN.set(Shown(neuron, state, owner, _SHOWN.get()))
    try:
        return hook(*args)
    finally:
        _SHOWN.reset(token)


def _named(result: Any, fields: tuple[str, ...], hook: str) -> dict[str, Tensor]:
    """Return the result of a hook by the names of the states."""
    names = [field for field in fields if field != "spk"]
    values = [result] if isinstance(result, Tensor) else result
    if (
        not isinstance(values, tuple | list)
        or len(values) != len(names)
        or not all(isinstance(value, Tensor) for value in values)
    ):
        kinds = (
            [type(value).__name__ for value in values] if isinstance(values, tuple | list) else type(result).__name__
        )
        raise TypeError(f"{hook} must return {', '.join(names)}, each a tensor, got {kinds}")
    return dict(zip(names, values, strict=True))
