"""What a user reaches from a package is documented; every function of it shows an example that runs as a doctest."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType

import pytest

from workspace import PROJECTS, module

LEAVES = sorted(PROJECTS.keys() - {"snn"})


def public(owner: ModuleType, path: str) -> Iterator[tuple[str, object]]:
    """Functions and classes under their public names, from ``__all__`` of a package down through modules it lists."""
    for name in owner.__all__:
        thing = getattr(owner, name)
        if inspect.ismodule(thing):
            yield from public(thing, f"{path}.{name}")
        elif (inspect.isclass(thing) or inspect.isroutine(thing)) and thing.__module__.startswith("snn"):
            yield f"{path}.{name}", thing


def names_of(distribution: str) -> dict[str, object]:
    """Everything public of a distribution, by its full name."""
    package = module(distribution)
    return dict(public(importlib.import_module(package), package))


@pytest.mark.parametrize("name", LEAVES)
def test_every_public_name_has_a_docstring(name: str):
    assert [path for path, thing in names_of(name).items() if not (inspect.getdoc(thing) or "").strip()] == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_public_method_is_documented_where_it_is_declared(name: str):
    missing = [
        f"{path}.{method}"
        for path, thing in names_of(name).items()
        if inspect.isclass(thing)
        for method, value in inspect.getmembers(thing, inspect.isfunction)
        if not method.startswith("_") and value.__module__.startswith("snn")
        if not inspect.getdoc(getattr(thing, method))
    ]
    assert missing == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_public_function_shows_an_example(name: str):
    functions = {path: thing for path, thing in names_of(name).items() if inspect.isfunction(thing)}
    assert [path for path, thing in functions.items() if ">>>" not in (inspect.getdoc(thing) or "")] == []
