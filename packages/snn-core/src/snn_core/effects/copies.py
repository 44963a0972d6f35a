"""Copies of nets, which run in their place without changing them or anything they hold."""

from __future__ import annotations

import copy
import functools
import types
from itertools import count
from typing import Any

from torch import Tensor, nn

from snn_core.effects.attributes import HOOKS
from snn_core.effects.contents import is_source, parts
from snn_core.effects.fingerprint import Fingerprint, is_of_torch


def copied(net: nn.Module) -> nn.Module:
    """Return a copy of a net that can run in its place without changing the net or anything it holds.

    Raises:
        ValueError: If the net cannot be copied; the message gives the reason.
    """
    reached = Fingerprint(net).reached.held
    source = next((value for value in reached.values() if is_source(value)), None)
    if source is not None:
        raise ValueError(f"the net holds a {type(source).__name__}, which cannot be read without using it up")
    # tensors inside an autograd graph cannot be copied
    detached = {i: t.detach().clone() for i, t in reached.items() if isinstance(t, Tensor) and not t.is_leaf}
    try:
        twin = copy.deepcopy(net, detached | twins(reached))
    except Exception as error:
        raise ValueError(f"this {type(net).__name__} cannot be copied ({type(error).__name__}: {error})") from error
    must_be_apart(twin, net)
    return twin


def twins(objects: dict[int, Any]) -> dict[int, Any]:
    """Return twins of the objects that ``copy.deepcopy`` does not copy, by identity, for use as its memo."""
    return {identity: _twin(value) for identity, value in objects.items() if isinstance(value, count)}


def _twin(value: count[Any]) -> Any:
    numbers = repr(value)[len("count(") : -1].split(", ")  # only its repr gives the position without advancing it
    return count(*(int(n) if n.lstrip("-").isdigit() else float(n) for n in numbers))


def unhook(twin: nn.Module) -> nn.Module:
    """Remove hooks from a copy of a net, in place, except torch's hooks that compute weights, such as pruning's."""
    for module in twin.modules():
        for kind in HOOKS:
            hooks = getattr(module, kind)
            for key in [key for key, hook in hooks.items() if not is_of_torch(hook)]:
                del hooks[key]
    return twin


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
            for part in parts(value):
                _held_by(part, held)
    return held
