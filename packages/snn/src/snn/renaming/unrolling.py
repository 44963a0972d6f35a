"""Programs with ``snn.unroll`` in place of their loops over time."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from snn.renaming.names import STATES, LeftAlone, called, imported, layers_of
from snn.renaming.python_source import parsed
from snn.renaming.replacing import Change, Place
from snn.renaming.source import Source
from snn.renaming.steps import Steps

__all__ = ["unrolled"]


def unrolled(program: str, file: str) -> tuple[str, list[str]]:
    """Replace the loops over time of a program that do nothing but run layers in a row and keep outputs.

    Args:
        program: A program that imports snn.
        file: Its path, for the command that measures it.

    Returns:
        The program, and a line about each loop over time: how to measure the gain, or why the loop stays.
    """
    tree = parsed(program)
    names, source, lines = imported(tree), Source(program), list[str]()
    resets = [node for node in ast.walk(tree) if called(node, names) == "snn.utils.reset"]
    nets = {ast.unparse(node.args[0]) for node in resets if isinstance(node, ast.Call) and node.args} - {"self"}
    for place in _loops(tree, tree, None):
        layers = layers_of(place.owner, names)
        neurons = {f"self.{name}" for name, call in layers.items() if called(call, names) in STATES}
        if not (neurons | nets) & _called_in(place.loop):
            continue
        try:
            change = Change(tree, place, layers, Steps(place.loop, layers, nets, names))
            source.replace(change.edits(source))
            lines.append(f"line {place.loop.lineno}: {change.measure(file)}")
        except LeftAlone as reason:
            lines.append(f"line {place.loop.lineno}: the loop stays as it is: {reason}")
    return source.result(), lines


def _loops(node: ast.AST, scope: ast.AST, owner: ast.ClassDef | None) -> Iterator[Place]:
    for name in ("body", "orelse", "finalbody"):
        block: list[ast.stmt] = getattr(node, name, [])
        for statement in block if isinstance(block, list) else ():
            if isinstance(statement, ast.For):
                yield Place(statement, block, scope, owner)
            inside = statement if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) else scope
            yield from _loops(statement, inside, statement if isinstance(statement, ast.ClassDef) else owner)


def _called_in(loop: ast.For) -> set[str]:
    """Return what a loop calls, without the loops inside it."""
    waiting: list[ast.AST] = [*loop.body]
    for node in waiting:  # the list grows
        if not isinstance(node, ast.For):
            waiting += ast.iter_child_nodes(node)
    return {ast.unparse(node.func) for node in waiting if isinstance(node, ast.Call)}
