"""A pytest plugin that runs only the integration tests for which the needed distributions are installed.

A file declares what it needs in one line, ``pytestmark = pytest.mark.needs("snn-core", "snn-plot")``; a test may need
more, by the same mark. A file without that line needs every distribution. Tests that are left out are deselected, not
skipped: the session's choice of distributions decides what runs, never a test.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import pathlib

import pytest

from workspace import PROJECTS, ROOT

INTEGRATION = ROOT / "integration_tests"


def declared(program: str) -> frozenset[str]:
    """Return the distributions that a test file declares that it needs: all of the workspace if it declares nothing.

    Raises:
        ValueError: If it names a distribution that the workspace does not have.

    Example:
        >>> sorted(declared('pytestmark = pytest.mark.needs("snn-core", "snn-plot")'))
        ['snn-core', 'snn-plot']
        >>> declared("def test_it(): pass") == frozenset(PROJECTS)
        True
    """
    for node in ast.parse(program).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            for call in ast.walk(node.value):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.needs":
                    return _known(*(ast.literal_eval(argument) for argument in call.args))
    return frozenset(PROJECTS)


def missing(needed: frozenset[str]) -> frozenset[str]:
    """Return the distributions that are needed but not installed.

    Example:
        >>> missing(frozenset(["pytest"]))
        frozenset()
    """
    return needed - _installed()


def _known(*names: str) -> frozenset[str]:
    if unknown := set(names) - PROJECTS.keys():
        raise ValueError(f"needs: {sorted(unknown)} are not among the distributions {sorted(PROJECTS)}")
    return frozenset(names)


@functools.cache
def _installed() -> frozenset[str]:
    return frozenset(distribution.name.lower().replace("_", "-") for distribution in importlib.metadata.distributions())


def pytest_ignore_collect(collection_path: pathlib.Path) -> bool | None:
    """Leave out a file of integration tests, before it is imported, if something that it needs is missing."""
    if collection_path.suffix != ".py" or INTEGRATION not in collection_path.parents:
        return None
    return True if missing(declared(collection_path.read_text(encoding="utf-8"))) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that need more than their file does, if something of it is missing."""
    unmet = {item for item in items for mark in item.iter_markers("needs") if missing(_known(*mark.args))}
    if unmet:
        config.hook.pytest_deselected(items=[item for item in items if item in unmet])
        items[:] = [item for item in items if item not in unmet]
