"""Names that are looked up, on first use, in the distribution that has them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Collection, Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType

from snn._installing import extra, hint

TYPE_CHECKING = False  # that of ``typing``, which would be half of the time of ``import snn``
if TYPE_CHECKING:
    from typing import Any

__all__ = ["forward", "piece", "register", "register_parts"]

_HOMES: dict[str, str] = {}


def register(homes: Mapping[str, str], options: Mapping[str, Mapping[str, Any]]) -> None:
    """Make modules importable that re-export the names of other modules.

    Args:
        homes: Names of the modules, and of those that have their names. A private one is made by its own file.
        options: Further options of :func:`forward`, by name of a module.
    """
    _HOMES.update(homes)
    sys.meta_path.insert(0, _Finder(homes, options))


class _Finder:
    """The part of Python's import system that makes the registered modules."""

    def __init__(self, homes: Mapping[str, str], options: Mapping[str, Mapping[str, Any]]) -> None:
        self._homes = homes
        self._options = options

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        module = _true_name(name)
        if module not in self._homes or "._" in module:
            return None
        loader: Any = self  # of no type of ``importlib.abc``, which would make ``import snn`` slow, too
        return ModuleSpec(name, loader, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        name = _true_name(spec.name)
        return None if name == spec.name else importlib.import_module(name)

    def exec_module(self, module: ModuleType) -> None:
        name, names = module.__name__, vars(module)
        names["__doc__"] = f"The names of ``{self._homes[name]}``."
        names["__getattr__"], names["__dir__"] = forward(name, self._homes[name], **self._options.get(name, {}))


def _true_name(module: str) -> str:
    """Return the name of a module, also if the package has another name, by ``sys.modules["snntorch"] = snn``."""
    root, dot, rest = module.partition(".")
    return f"{getattr(sys.modules.get(root), '__name__', root)}{dot}{rest}"


def register_parts(package: ModuleType, parts: Mapping[str, str]) -> None:
    """Make the modules under a module, each with some of its names."""
    for part, names in parts.items():
        module = ModuleType(f"{package.__name__}.{part}", f"Names of ``{package.__name__}``.")
        vars(module).update({name: getattr(package, name) for name in names.split()}, __all__=names.split())
        setattr(package, part, module)
        sys.modules[module.__name__] = module


def forward(
    module: str,
    package: str,
    *,
    elsewhere: Mapping[str, str] = {},
    unlisted: Collection[str] = (),
    absent: Mapping[str, Callable[[], str]] = {},
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and ``__dir__`` of a module that re-exports names of another package.

    Args:
        module: Name of the module that re-exports. Registered modules under it are among its names.
        package: Import name of the package that has its names.
        elsewhere: Names that another package has, and that package.
        unlisted: Names that the package has but does not list, for programs that were written for snnTorch.
        absent: Names that users may look for and that no package has, and functions that say what to use instead.

    Returns:
        The two functions. A package is imported when one of its names is first looked up; ``__all__`` and ``dir``
        list the names that are public and installed, and nothing else.
    """

    def names() -> list[str]:
        parts = (name.rpartition(".") for name in _HOMES)
        public = {n: _HOMES[f"{module}.{n}"] for parent, _, n in parts if parent == module and not n.startswith("_")}
        return sorted({*piece(package, module).__all__, *_installed(public), *_installed(elsewhere)})

    def look_up(name: str) -> Any:
        path = f"{module}.{name}"
        if name in absent:
            raise ImportError(f"{path}: {absent[name]()}", name=path)
        if path in _HOMES:
            piece(_HOMES[path], path)
            return importlib.import_module(path)
        # Python asks modules for many names like __path__ and __wrapped__; these must not import a package.
        unknown = AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=sys.modules[module])
        if name == "__all__":
            return names()
        if name.startswith("_") and name != "__version__":
            raise unknown
        home = piece(elsewhere[name], path) if name in elsewhere else piece(package, module)
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
