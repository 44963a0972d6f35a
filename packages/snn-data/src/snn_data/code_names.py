"""The objects that the names in a function's code stand for."""

from __future__ import annotations

import dis
import functools
import importlib
import importlib.util
import types
from collections.abc import Iterator

__all__ = ["named_by", "names_of"]

# attributes that Python sets in every module: they say where it comes from, not what it does
MODULE_NOTES = frozenset(
    ["__builtins__", "__cached__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__"]
)

# LOAD_NAME: in the body of a class, where a name may be global
GLOBAL_LOOKUPS = frozenset(["LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"])


def named_by(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """Find the globals that a function names and the modules that it imports when it runs.

    Yields:
        Pairs of a name and its object. Modules are imported; the object is None for one that does not exist.
    """
    code, namespace = function.__code__, function.__globals__
    for name, members in _imports(code):
        yield from _imported(name, members, namespace.get("__package__") or "")
    for name in _globals_of(code):
        if name in namespace:
            yield name, namespace[name]


@functools.lru_cache(maxsize=1024)
def names_of(code: types.CodeType) -> tuple[str, ...]:
    """Return the globals and attributes that code names, sorted, without those that Python sets in every module."""
    return tuple(sorted({name for part in _with_nested(code) for name in part.co_names} - MODULE_NOTES))


def _with_nested(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object, and the code objects of the functions and classes in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _with_nested(constant)


@functools.lru_cache(maxsize=1024)
def _globals_of(code: types.CodeType) -> tuple[str, ...]:
    """Return the names that code looks up among its globals, sorted; attributes are looked up elsewhere."""
    steps = (step for part in _with_nested(code) for step in dis.get_instructions(part))
    return tuple(sorted({str(step.argval) for step in steps if step.opname in GLOBAL_LOOKUPS} - MODULE_NOTES))


@functools.lru_cache(maxsize=1024)
def _imports(code: types.CodeType) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the modules that the code imports when it runs, relative ones with dots, and the names taken from them."""
    imports = set()
    for part in _with_nested(code):
        instructions = list(dis.get_instructions(part))
        for level, members, instruction in zip(instructions, instructions[1:], instructions[2:], strict=False):
            if instruction.opname == "IMPORT_NAME":
                # the two instructions before it push the level and the names
                imports.add(("." * (level.argval or 0) + instruction.argval, members.argval or ()))
    return tuple(sorted(imports))


def _imported(name: str, members: tuple[str, ...], package: str) -> Iterator[tuple[str, object]]:
    """Yield the module, its parents, which ``import a.b`` binds too, and its members that are modules themselves."""
    try:
        absolute = importlib.util.resolve_name(name, package)
        parts = absolute.split(".")
        modules = [importlib.import_module(".".join(parts[: depth + 1])) for depth in range(len(parts))]
    except ImportError:  # a missing library, without which the code may still work
        yield name, None
        return
    for module in modules:
        yield module.__name__, module
    for member in members:
        if isinstance(getattr(modules[-1], member, None), types.ModuleType | None):
            yield from _imported(f"{absolute}.{member}", (), "")
