"""Find the public names of the installed packages.

A name is public if a package's ``__init__`` lists it in ``__all__``, or if a module that is listed there lists it in
its own ``__all__``. Nothing else is public, whatever module it is in. ``__version__``, which every package has, is not
counted.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Iterator
from types import ModuleType

from workspace import PROJECTS, module

# the umbrella is last, as its names are those of the others
PACKAGES = [*(module(name) for name in PROJECTS if name != "snn"), "snn"]


def public(owner: ModuleType, path: str) -> Iterator[tuple[str, object]]:
    """Yield the names that a module lists: its own first, then those of the modules that it lists.

    Yields:
        Each full name and its object; an object may have several names.

    Example:
        >>> import snn_core
        >>> dict(public(snn_core, "snn_core"))["snn_core.utils.reset"] is snn_core.utils.reset
        True
    """
    things = {name: getattr(owner, name) for name in owner.__all__ if not name.startswith("_")}
    yield from ((f"{path}.{name}", thing) for name, thing in things.items() if not inspect.ismodule(thing))
    for name, thing in things.items():
        if inspect.ismodule(thing):
            yield from public(thing, f"{path}.{name}")


def once(packages: Iterable[str] = PACKAGES) -> dict[str, dict[str, object]]:
    """Return the public objects of packages, each once, under the first of its names.

    Returns:
        For each package, its objects by full name.

    Example:
        >>> names = once(["snn_core", "snn"])
        >>> "snn_core.Leaky" in names["snn_core"], "snn.Leaky" in names["snn"]
        (True, False)
    """
    visited: set[object] = set()
    names: dict[str, dict[str, object]] = {}
    for package in packages:
        names[package] = {}
        for path, thing in public(importlib.import_module(package), package):
            # equal numbers and strings may be the same object
            key = (path.rpartition(".")[2], thing) if isinstance(thing, int | float | str) else id(thing)
            if key not in visited:
                visited.add(key)
                names[package][path] = thing
    return names
