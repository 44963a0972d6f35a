"""The imports of a program, and the layers that its classes make."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["STATES", "LeftAlone", "called", "identifiers", "imported", "layers_of", "own", "pairs"]

STATES = {"snn.Leaky": 1, "snn.Lapicque": 1, "snn.Synaptic": 2, "snn.Alpha": 3, "snn.RLeaky": 2, "snn.RSynaptic": 3}


class LeftAlone(Exception):
    """The reason why a loop over time stays as it is."""


def imported(tree: ast.Module) -> dict[str, str]:
    """Return the full name of what each import binds; a name that the program also sets is left out.

    Example:
        >>> imported(ast.parse("import torch.nn as nn, snn_core as snn"))
        {'nn': 'torch.nn', 'snn': 'snn'}
    """
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                names[alias.asname or module] = module
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return {name: full.replace("snn_core", "snn", 1) for name, full in names.items() if name not in stored}


def called(node: ast.AST, names: dict[str, str]) -> str:
    """Return the full name of the function that a call calls, such as ``"torch.stack"``, or ``""``."""
    if not isinstance(node, ast.Call):
        return ""
    first, dot, rest = ast.unparse(node.func).partition(".")
    return names.get(first, first) + dot + rest


def layers_of(owner: ast.ClassDef | None, names: dict[str, str]) -> dict[str, ast.Call]:
    """Return the calls that make the layers of a class, by the attribute of each, which the class sets only once."""
    made: dict[str, list[ast.expr]] = {}
    for target, value in (pair for node in (ast.walk(owner) if owner else ()) for pair in pairs(node)):
        made.setdefault(own(target), []).append(value)
    calls = {name: value for name, [value, *others] in made.items() if name and not others}
    return {name: call for name, call in calls.items() if isinstance(call, ast.Call) and _is_layer(call, names)}


def _is_layer(call: ast.Call, names: dict[str, str]) -> bool:
    """Return True if a call makes a neuron, or a layer of torch.nn that cannot contain neurons."""
    function = called(call, names)
    return function in STATES or (
        function.startswith("torch.nn.") and not function.endswith(("Sequential", "Parallel"))
    )


def own(node: ast.AST) -> str:
    """Return the name of an attribute of ``self``, or ``""``."""
    match node:
        case ast.Attribute(ast.Name("self"), name):
            return name
    return ""


def pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield each target and value of an assignment, also of ``a, b = 1, 2``."""
    match node:
        case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)) if len(targets) == len(values):
            yield from zip(targets, values, strict=True)
        case ast.Assign([target], value):
            yield target, value


def identifiers(node: ast.AST) -> list[str]:
    """Return the names in a name or in a tuple of names."""
    names = [part.id for part in (node.elts if isinstance(node, ast.Tuple) else [node]) if isinstance(part, ast.Name)]
    if len(names) != len(node.elts if isinstance(node, ast.Tuple) else [node]):
        raise LeftAlone(f"it sets `{ast.unparse(node)}`, which is not a name")
    return names
