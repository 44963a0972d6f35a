"""Names that are looked up, on first use, in the distribution that has them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

from snn._installing import extra, hint

__all__ = ["forward", "piece"]


def forward(
    module: str,
    package: str,
    *,
    submodules: Mapping[str, str] = {},
    elsewhere: Mapping[str, str] = {},
    unlisted: Collection[str] = (),
    absent: Mapping[str, Callable[[], str]] = {},
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and ``__dir__`` of a module that re-exports names of another package.

    Args:
        module: Name of the module that re-exports.
        package: Import name of the package that has its names.
        submodules: Modules under ``module``, and the package that each one needs; private ones are not listed.
        elsewhere: Names that another package has, and that package.
        unlisted: Names that the package has but does not list, for programs that were written for snnTorch.
        absent: Names that users may look for and that no package has, and functions that say what to use instead.

    Returns:
        The two functions. A package is imported when one of its names is first looked up; ``__all__`` and ``dir``
        list the names that are public and installed, and nothing else.
    """

    def names() -> list[str]:
        public = {name: home for name, home in submodules.items() if not name.startswith("_")}
        return sorted({*piece(package, module).__all__, *_installed(public), *_installed(elsewhere)})

    def look_up(name: str) -> Any:
        if name in absent:
            raise ImportError(f"{module}.{name}: {absent[name]()}", name=f"{module}.{name}")
        if name in submodules:
            piece(submodules[name], f"{module}.{name}")
            return importlib.import_module(f"{module}.{name}")
        # Python asks modules for many names like __path__ and __wrapped__; these must not import a package.
        unknown = AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=sys.modules[module])
        if name == "__all__":
            return names()
        if name.startswith("_") and name != "__version__":
            raise unknown
        home = piece(elsewhere[name], f"{module}.{name}") if name in elsewhere else piece(package, module)
        if name not in {*home.__all__, *unlisted}:
            raise _with_remedy(unknown, home)
        return getattr(home, name)

    def listing() -> list[str]:
        return names() if _installed({module: package}) else []

    return look_up, listing


def _with_remedy(unknown: AttributeError, home: ModuleType) -> AttributeError:
    """Return the error of an unknown name with what its package has instead, if users look for that name."""
    remedy = ""
    try:
        getattr(home, str(unknown.name))
    except AttributeError as error:
        remedy = str(error).partition("; ")[2]
    return AttributeError(f"{unknown}; {remedy}", name=unknown.name, obj=unknown.obj) if remedy else unknown


def piece(package: str, request: str) -> ModuleType:
    """Import a package of ours, or raise an error that says what to install."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        top = package.partition(".")[0]
        if error.name != top:
            raise
        distribution = top.replace("_", "-")
        raise ImportError(f"{request} is in {distribution}: {hint(extra(distribution))}", name=top) from None


def _installed(homes: Mapping[str, str]) -> set[str]:
    return {name for name, package in homes.items() if importlib.util.find_spec(package.partition(".")[0])}
