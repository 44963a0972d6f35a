"""The hook that a monitor leaves in a layer: it keeps nothing alive, and does nothing in a copy of the layer."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Hook:
    """A hook that calls a monitor's method with the layer's name, the layer and torch's arguments."""

    def __init__(self, action: Callable[..., Any], name: str, module: nn.Module) -> None:
        self._action = weakref.WeakMethod(action)
        self._name = name
        self._module = weakref.ref(module)

    def __call__(self, module: nn.Module, *call: Any) -> Any:
        action = self._action()
        return None if action is None or module is not self._module() else action(self._name, module, *call)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[()]]:
        # a copied or loaded net is another net, which the monitor does not watch
        return _of_a_copy, ()


def _of_a_copy() -> Callable[..., None]:
    return _ignore


def _ignore(*call: Any) -> None:
    return None


def in_backward() -> bool:
    """Return True during a backward pass, in which checkpointing runs layers a second time."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1


def input_of(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the argument for the first parameter of ``forward``, passed by position or by name; None without any."""
    if args or not kwargs:
        return args[0] if args else None
    first = next(iter(inspect.signature(module.forward).parameters))
    return kwargs.get(first, next(iter(kwargs.values())))
