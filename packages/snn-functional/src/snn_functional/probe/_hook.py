"""The hook that a monitor leaves in a layer: it keeps nothing alive, and does nothing in a copy of the layer."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

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
