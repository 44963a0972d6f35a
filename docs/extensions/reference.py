"""Write the reference from the installed packages: a page for each package, and one for each public name.

A name is public if a package's ``__init__`` lists it in ``__all__``, or if a module that is listed there lists it in
its own ``__all__``. The pages are written into ``docs/reference`` before Sphinx looks for pages; docstrings fill them.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

import public_names
from workspace import ROOT

PLACE = "docs/reference"
FOLDER = ROOT / PLACE
# the names by which a program that imports snn reaches each package
NAMESPACE = {
    "snn_core": "snn",
    "snn_data": "snn.data",
    "snn_export": "snn",
    "snn_functional": "snn.functional",
    "snn_models": "snn.models",
    "snn_nir": "snn.nir",
    "snn_plot": "snn.plot",
    "snn_spikegen": "snn.spikegen",
}


class Reference:
    """The pages of the reference: every public object has one, under the first name that a reader meets."""

    def __init__(self) -> None:
        packages = {package: things for package, things in public_names.once().items() if package != "snn"}
        self.packages = list(packages)
        self.public = {path: thing for things in packages.values() for path, thing in things.items()}
        self.pages = {id(thing): path for path, thing in self.public.items()}

    def write(self, app: Sphinx) -> None:
        """Write all pages."""
        FOLDER.mkdir(exist_ok=True)
        for old in FOLDER.glob("*.rst"):
            old.unlink()
        for package in self.packages:
            _save(package, self._section(sys.modules[package], package, "="))
        for path, thing in self.public.items():
            _save(path, self._page(path, thing))

    def resolve(self, app: Sphinx, env: Any, node: addnodes.pending_xref, inner: nodes.Element) -> nodes.Element | None:
        """Link the place where an object is defined to its page; names that are not public stay plain text."""
        if not node["reftarget"].startswith("snn_"):
            return None
        try:
            page = self.pages.get(id(_find(node["reftarget"])))
        except (ImportError, AttributeError):
            return None
        if page is None:
            target = node["reftarget"]
            return nodes.Text(target.rpartition(".")[2]) if inner.astext() == target else inner
        address = app.builder.get_relative_uri(node["refdoc"], f"{PLACE}/{page}")
        return nodes.reference("", "", inner, refuri=address)

    def show_bases(self, app: Sphinx, name: str, thing: object, options: Any, bases: list[Any]) -> None:
        """Name the bases of a class that have a page or come from elsewhere."""
        known = dict.fromkeys(base for direct in bases for base in self._known(direct))
        classes = [base for base in known if inspect.isclass(base)]
        covered = {c for base in classes for c in base.__mro__[1:]}
        bases[:] = [base for base in known if base not in covered] or [object]

    def _section(self, owner: ModuleType, path: str, underline: str) -> list[str]:
        """Return the text of a module: its docstring, a table of its names, and sections for the modules among them."""
        lines = [path, underline * len(path), "", f".. automodule:: {path}", ""]
        if path in NAMESPACE:
            lines += [f"After ``import snn`` these are names of ``{NAMESPACE[path]}``.", ""]
        rows, sections = [], []
        for name in owner.__all__:
            thing = getattr(owner, name)
            if inspect.ismodule(thing):
                sections += self._section(thing, f"{path}.{name}", "-")
            elif not name.startswith("_"):
                rows += [f"   * - :doc:`{name} <{self.pages[id(thing)]}>`", f"     - {_first_line(thing)}"]
        table = [".. list-table::", "   :widths: 30 70", "", *rows, ""] if rows else []
        return [*lines, *table, *sections]

    def _page(self, path: str, thing: object) -> list[str]:
        """Return the page of one name; tables link to it, but no menu, because every page would repeat that menu."""
        home, _, name = path.rpartition(".")
        lines = [":orphan:", "", name, "=" * len(name), "", f"In ``{home}``", ""]
        top, _, rest = home.partition(".")
        if top in NAMESPACE:
            lines[-2] += f"; after ``import snn``, ``{'.'.join(filter(None, (NAMESPACE[top], rest, name)))}``"
        if inspect.isclass(thing):
            members = ", ".join(self._members(thing))
            return [*lines, f".. autoclass:: {path}", *([f"   :members: {members}"] if members else [])]
        if inspect.isroutine(thing):
            return [*lines, f".. autofunction:: {path}"]
        lines += [f".. py:data:: {path}", ""]
        if isinstance(thing, dict):
            lines += [".. list-table::", ""]
            for key, value in thing.items():
                texts = value if isinstance(value, tuple) else (value,)
                lines += [f"   * - ``{key}``", *(f"     - {text}" for text in texts)]
        return lines

    def _members(self, thing: type) -> list[str]:
        """Return the members of a class that no other page shows: its own, and those of bases that are not public."""
        elsewhere = {c for base in thing.__mro__[1:] if not self._is_hidden(base) for c in base.__mro__}
        inherited = [
            name
            for base in thing.__mro__[1:]
            if base not in elsewhere
            for name, value in vars(base).items()
            if not inspect.isclass(value)
        ]
        return [name for name in dict.fromkeys([*vars(thing), *inherited]) if not name.startswith("_")]

    def _is_hidden(self, base: Any) -> bool:
        """Return True for a class of ours that is not public; the pages of its subclasses show its members."""
        return inspect.isclass(base) and base.__module__.startswith("snn_") and id(base) not in self.pages

    def _known(self, base: Any) -> list[Any]:
        """Return a base that a reader can look up, or, in place of a hidden one, those of its bases."""
        return [known for b in base.__bases__ for known in self._known(b)] if self._is_hidden(base) else [base]


def _find(path: str) -> object:
    """Return the object with a full name: an attribute of the longest part of the name that is a module."""
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
    """Leave out what Python and scikit-learn write: the numbers of fields of named tuples, ``set_score_request``."""
    written = type(thing).__name__ == "_tuplegetter" or str(getattr(thing, "__module__", "")).startswith("sklearn.")
    return True if written else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them."""
    reference = Reference()
    app.connect("builder-inited", reference.write)
    app.connect("missing-reference", reference.resolve)
    app.connect("autodoc-process-bases", reference.show_bases)
    app.connect("autodoc-skip-member", leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
