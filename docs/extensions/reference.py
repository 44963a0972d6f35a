"""The reference, from the packages as they are installed: a page for each package, and one for each public name.

Public is what ``__all__`` of a module lists whose name has no leading underscore. The pages are written before Sphinx
looks for pages, into ``docs/reference``, and docstrings fill them.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from types import ModuleType
from typing import Any, TypeVar

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from workspace import PROJECTS, ROOT, module

PLACE = "docs/reference"
FOLDER = ROOT / PLACE
LEAVES = sorted(PROJECTS.keys() - {"snn"})
# where `import snn` has the names of each package
NAMESPACE = {
    "snn_core": "snn",
    "snn_data": "snn.data",
    "snn_functional": "snn.functional",
    "snn_nir": "snn.nir",
    "snn_plot": "snn.plot",
    "snn_spikegen": "snn.spikegen",
}


class Reference:
    """The pages: every public object has one, under the first name that a reader meets it by."""

    def __init__(self) -> None:
        self.pages: dict[int, str] = {}

    def write(self, app: Sphinx) -> None:
        """Write all pages."""
        FOLDER.mkdir(exist_ok=True)
        for old in FOLDER.glob("*.rst"):
            old.unlink()
        for distribution in LEAVES:
            package = importlib.import_module(module(distribution))
            _save(package.__name__, [*self._section(package, package.__name__, "="), *self._more(package)])

    def resolve(self, app: Sphinx, env: Any, node: addnodes.pending_xref, inner: nodes.Element) -> nodes.Element | None:
        """Lead from where an object is defined to its page; what is not public stays text."""
        home, _, name = node["reftarget"].rpartition(".")
        if not home.startswith("snn_"):
            return None
        try:
            thing = _find(node["reftarget"])
        except (ImportError, AttributeError):
            return None
        page = self.pages.get(id(thing))
        if page:
            address = app.builder.get_relative_uri(node["refdoc"], f"{PLACE}/{page}")
            return nodes.reference("", "", inner, refuri=address)
        public = getattr(sys.modules.get(home), "__all__", [])
        return inner if isinstance(thing, TypeVar) or "._" in node["reftarget"] or name not in public else None

    def _section(self, owner: ModuleType, path: str, underline: str) -> list[str]:
        """A module: its docstring, a table of its names, and a section for each module among them."""
        lines = [path, underline * len(path), "", f".. automodule:: {path}", "   :no-members:", ""]
        if path in NAMESPACE:
            lines += [f"After ``import snn`` these are names of ``{NAMESPACE[path]}``.", ""]
        inner = [name for name in owner.__all__ if inspect.ismodule(getattr(owner, name))]
        lines += self._table(owner, path, [name for name in owner.__all__ if name not in inner])
        sections = [self._section(getattr(owner, name), f"{path}.{name}", "-") for name in inner]
        return [*lines, *(line for section in sections for line in section)]

    def _more(self, package: ModuleType) -> list[str]:
        """What its other public modules list."""
        lines: list[str] = []
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            spec = importlib.util.find_spec(found.name)
            is_python = spec is not None and str(spec.origin).endswith(".py")  # a library of kernels is none
            if "._" in found.name or found.name.endswith("__main__") or not is_python:
                continue
            owner = importlib.import_module(found.name)
            new = [name for name in getattr(owner, "__all__", []) if id(getattr(owner, name)) not in self.pages]
            names = [name for name in new if not inspect.ismodule(getattr(owner, name))]
            lines += self._table(owner, found.name, names)
        title = "What these take, return and are built of"
        return [title, "-" * len(title), "", *lines] if lines else []

    def _table(self, owner: ModuleType, path: str, names: list[str]) -> list[str]:
        rows = []
        for name in names:
            thing = getattr(owner, name)
            if name.startswith("__"):
                continue
            if id(thing) not in self.pages:
                self.pages[id(thing)] = f"{path}.{name}"
                _save(f"{path}.{name}", _name(path, name, thing))
            rows += [f"   * - :doc:`{name} <{self.pages[id(thing)]}>`", f"     - {_first_line(thing)}"]
        return [".. list-table::", "   :widths: 30 70", "", *rows, ""] if rows else []


def _name(home: str, name: str, thing: object) -> list[str]:
    """The page of one name: in the tables, and in no menu, which every page would have to repeat."""
    lines = [":orphan:", "", name, "=" * len(name), "", f"In ``{home}``", ""]
    top, _, rest = home.partition(".")
    if top in NAMESPACE and name in vars(sys.modules[home]):
        lines[-2] += f"; after ``import snn``, ``{'.'.join(filter(None, (NAMESPACE[top], rest, name)))}``"
    if inspect.isclass(thing):
        return [*lines, f".. autoclass:: {home}.{name}"]
    if inspect.isroutine(thing):
        return [*lines, f".. autofunction:: {home}.{name}"]
    lines += [f".. py:data:: {home}.{name}", ""]
    if isinstance(thing, dict):
        lines += [".. list-table::", ""]
        for key, value in thing.items():
            texts = value if isinstance(value, tuple) else (value,)
            lines += [f"   * - ``{key}``", *(f"     - {text}" for text in texts)]
    return lines


def _find(path: str) -> object:
    """The object with a full name: an attribute of the longest part of it that is a module."""
    home, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(home), name)
    except ModuleNotFoundError:
        return getattr(_find(home), name)


def _first_line(thing: object) -> str:
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return ""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _save(name: str, lines: list[str]) -> None:
    (FOLDER / f"{name}.rst").write_text("\n".join(lines) + "\n", encoding="utf-8")


def leave_out(app: Sphinx, what: str, name: str, thing: object, skip: bool, options: Any) -> bool | None:
    """Leave out fields of named tuples, of which Python itself says no more than their number."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them."""
    reference = Reference()
    app.connect("builder-inited", reference.write)
    app.connect("missing-reference", reference.resolve)
    app.connect("autodoc-skip-member", leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
