"""The distinction between installed code, which changes only with its version, and a program's own code."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from pathlib import Path

__all__ = ["is_installed", "version_of"]


@functools.cache
def is_installed(module: str) -> bool:
    """Return True if a module is Python's own or belongs to an installed distribution.

    An editable install does not count: its files lie outside the places that pip knows, or setuptools has listed their
    sources beside them. Neither does a version that ends in ``dev0``, under which the code changes from day to day.

    Source: the layout of installed distributions, PyPA's "Recording installed projects".
    """
    top = module.partition(".")[0]
    if top == "__main__":
        return False
    if top in sys.stdlib_module_names:
        return True
    files = [getattr(sys.modules.get(name), "__file__", None) for name in (module, top)]
    file = next((Path(path).resolve() for path in files if path), None)
    return file is not None and any(
        Path(str(distribution.locate_file(""))).resolve() in file.parents
        and not distribution.version.endswith(".dev0")
        and distribution.read_text("SOURCES.txt") is None
        for distribution in _distributions(top)
    )


@functools.cache
def version_of(module: str) -> str:
    """Return ``"numpy 2.3.5"`` for a module of NumPy; Python's version for its own, empty if nothing provides it."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return sys.version
    return " ".join(f"{distribution.name} {distribution.version}" for distribution in _distributions(top))


@functools.cache
def _distributions(top: str) -> tuple[importlib.metadata.Distribution, ...]:
    names = sorted(set(_names_of_distributions().get(top, [])))
    return tuple(importlib.metadata.distribution(name) for name in names)


@functools.cache
def _names_of_distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())
