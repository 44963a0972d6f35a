"""Public names are documented: all that a user reaches from a package, but not the helpers behind it.

Public is what a package's ``__init__`` lists in ``__all__`` and, where that lists a module, what that module lists in
its own. A public function says what it takes, returns and raises, and shows an example, which runs as a doctest.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import public_names

LEAVES = [name for name in public_names.PACKAGES if name != "snn"]


def names_of(package: str) -> dict[str, Any]:
    """Every public function and class of a package, by its full name."""
    return {
        path: thing
        for path, thing in public_names.once([package])[package].items()
        if (inspect.isclass(thing) or inspect.isroutine(thing)) and thing.__module__.startswith("snn")
    }


def functions_of(package: str) -> dict[str, Callable[..., Any]]:
    return {path: thing for path, thing in names_of(package).items() if inspect.isfunction(thing)}


def without(section: str, functions: dict[str, Callable[..., Any]]) -> list[str]:
    return [path for path, function in functions.items() if section not in (inspect.getdoc(function) or "")]


def returns(function: Callable[..., Any]) -> bool:
    return inspect.signature(function).return_annotation not in (None, "None", inspect.Signature.empty)


def raises(function: Callable[..., Any]) -> bool:
    """Return True if an error is raised by the function itself and not by what it calls or makes."""

    def statements(node: ast.AST) -> Iterator[ast.AST]:
        for inner in ast.iter_child_nodes(node):
            if not isinstance(inner, ast.FunctionDef | ast.ClassDef | ast.Lambda):
                yield inner
                yield from statements(inner)

    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    return any(isinstance(node, ast.Raise) for node in statements(ast.parse(source).body[0]))


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
def test_every_public_function_says_what_it_takes(name: str):
    takers = {path: f for path, f in functions_of(name).items() if inspect.signature(f).parameters}
    assert without("\nArgs:\n", takers) == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_public_function_with_arguments_says_what_it_returns(name: str):
    # without any, it is what the first line says
    givers = {p: f for p, f in functions_of(name).items() if inspect.signature(f).parameters and returns(f)}
    assert [path for path in without("\nReturns:\n", givers) if path in without("\nYields:\n", givers)] == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_public_function_says_which_errors_it_raises(name: str):
    assert without("\nRaises:\n", {path: f for path, f in functions_of(name).items() if raises(f)}) == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_public_function_shows_an_example(name: str):
    assert without(">>>", functions_of(name)) == []
