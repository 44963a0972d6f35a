"""What is installed, and so changes with its version only, and what is a program's own."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from pathlib import Path

__all__ = ["is_installed", "version_of"]


@functools.cache
def is_installed(module: str) -> bool:
    """Tell whether a module is Python's own or from an installed distribution.

    An editable install is not: its files lie elsewhere than what pip knows of them, or setuptools has listed their
    sources beside them. Neither is a version that ends in ``dev0``, under which the code changes from day to day.

    Args:
        module: Full name of an imported module.

    Returns:
        True if a version tells its content.

    Example:
        >>> is_installed("torch.nn"), is_installed("__main__")
        (True, False)

    Source: the layout of installed distributions, PyPA's "Recording installed projects".
    """
    top = module.partition(".")[0]
    if top == "__main__":
        return False
    if top in sys.stdlib_module_names:
        return True
    files = [getattr(sys.modules.get(name), "__file__", None) for name in (module, top)]
    file = next((Path(found).resolve() for found in files if found), None)
    return file is not None and any(
        Path(str(distribution.locate_file(""))).resolve() in file.parents
        and not distribution.version.endswith(".dev0")
        and distribution.read_text("SOURCES.txt") is None
        for distribution in _distributions(top)
    )


@functools.cache
def version_of(module: str) -> str:
    """Name and version of the distribution that a module is from.

    Args:
        module: Full name of a module.

    Returns:
        Such as ``"numpy 2.3.5"``; Python's version for its own library, empty for what no distribution brought.

    Example:
        >>> version_of("numpy.random").split()[0]
        'numpy'

    Source: ``importlib.metadata``.
    """
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
