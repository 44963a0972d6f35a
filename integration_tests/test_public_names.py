"""Public is what a package lists, and what the modules that it lists list in turn."""

from __future__ import annotations

from types import ModuleType

import public_names


def listing(name: str, **things: object) -> ModuleType:
    """Make a module that lists what it has."""
    owner = ModuleType(name)
    vars(owner).update(things, __all__=list(things))
    return owner


def test_a_package_has_its_names_and_those_of_modules_that_it_lists():
    inner = listing("inner", f=print, __version__="1")
    inner.hidden = None
    assert dict(public_names.public(listing("a", inner=inner, g=len), "a")) == {"a.g": len, "a.inner.f": print}


def test_an_object_counts_once_under_its_shortest_name(monkeypatch):
    first = listing("a", inner=listing("inner", f=print, one=1), f=print)
    packages = {"a": first, "b": listing("b", f=print, one=1, two=1)}
    monkeypatch.setattr(public_names.importlib, "import_module", packages.__getitem__)
    assert public_names.once(packages) == {"a": {"a.f": print, "a.inner.one": 1}, "b": {"b.two": 1}}
