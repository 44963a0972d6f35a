"""What the names in a function's code stand for."""

from __future__ import annotations

import dis
import functools
import importlib
import importlib.util
import types
from collections.abc import Iterator

from snn_data.installed import is_installed

__all__ = ["named_by"]


def named_by(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """Find the globals that a function names, and the attributes that it names of modules that are not installed.

    Modules that the function imports when it runs are imported. A name that is an attribute of some object and, by
    chance, a global too is also found: more than is used, and never less.

    Args:
        function: The function; functions nested in it are included.

    Yields:
        Pairs of a name and what it stands for; modules themselves included.

    Example:
        >>> [name for name, _ in named_by(named_by)]
        ['_imports', '_names', 'is_installed', 'importlib', 'types']

    Source: the attributes of code objects, Python's ``inspect`` module.
    """
    code, namespace = function.__code__, function.__globals__
    package = namespace.get("__package__") or ""
    modules = [importlib.import_module(importlib.util.resolve_name(name, package)) for name in _imports(code)]
    names = _names(code)
    for name in names:
        if isinstance(namespace.get(name), types.ModuleType):
            modules.append(namespace[name])
        elif name in namespace:
            yield name, namespace[name]
    for module in modules:
        yield module.__name__, module
        for name in () if is_installed(module.__name__) else names:
            if isinstance(getattr(module, name, None), types.ModuleType):
                inner = getattr(module, name)
                modules += [] if inner in modules else [inner]
            elif hasattr(module, name):
                yield f"{module.__name__}.{name}", getattr(module, name)


@functools.lru_cache(maxsize=1024)
def _names(code: types.CodeType) -> tuple[str, ...]:
    # those with underscores around them are attributes that every module has
    found = {name for name in code.co_names if not name.startswith("__")}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.update(_names(constant))
    return tuple(sorted(found))


@functools.lru_cache(maxsize=1024)
def _imports(code: types.CodeType) -> tuple[str, ...]:
    """Modules that the code imports when it runs, relative ones with their dots."""
    found = set()
    instructions = list(dis.get_instructions(code))
    for level, _, instruction in zip(instructions, instructions[1:], instructions[2:], strict=False):
        if instruction.opname == "IMPORT_NAME":
            # the two instructions before it push the level and the names
            found.add("." * (level.argval or 0) + instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.update(_imports(constant))
    return tuple(sorted(found))
