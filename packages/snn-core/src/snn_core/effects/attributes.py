"""The attributes of modules: which are options, which are hooks; and where classes and functions are defined."""

from __future__ import annotations

import sys
from typing import Any

from torch import nn

NO_OPTIONS = (frozenset(vars(nn.Module())) - {"training"}) | {
    "_kept",
    "_kept_in",
    "_shown",
    "_stateless",
    "_goes_on",
    "_programs",
}
"""The attributes of modules other than options: parts, hooks, the kept state, and known programs."""

HOOKS = tuple(name for name in vars(nn.Module()) if name.endswith("_hooks") and "state_dict" not in name)
"""The attributes of a module that have the hooks on its calls, forward and backward."""


def module_of(value: Any) -> str:
    """Return the name of the module of a class or function; empty if it has none, as code from ``exec`` may not."""
    return getattr(value, "__module__", None) or ""


def is_at_home(kind: type) -> bool:
    """Return True if a class is where its module says; classes made by ``type`` or ``exec`` may name any module."""
    home: Any = sys.modules.get(module_of(kind))
    for name in kind.__qualname__.split("."):
        home = getattr(home, name, None)
    return home is kind
