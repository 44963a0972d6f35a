"""The text of a program, of which parts are replaced."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from itertools import accumulate

from snn.renaming.names import LeftAlone

__all__ = ["Edit", "Source"]

Edit = tuple[int, int, str]
"""The bytes from a start to an end, and what replaces them."""

_Node = ast.stmt | ast.expr


class Source:
    """A program, and what replaces parts of it."""

    def __init__(self, program: str) -> None:
        self._content = program.encode()
        self._starts = [0, *accumulate(map(len, self._content.splitlines(keepends=True)))]
        self._edits: list[Edit] = []

    def replace(self, edits: Iterable[Edit]) -> None:
        """Note what to replace."""
        self._edits += edits

    def result(self) -> str:
        """Return the program after all replacements."""
        content = self._content
        for start, end, text in sorted(self._edits, reverse=True):
            content = content[:start] + text.encode() + content[end:]
        return content.decode()

    def of(self, node: _Node, text: str) -> Edit:
        """Return the edit that writes something else in place of a node."""
        return *self._span(node), text

    def without(self, statement: ast.stmt) -> Edit:
        """Return the edit that removes the lines of a statement."""
        start, end = self._starts[statement.lineno - 1], self._starts[statement.end_lineno or statement.lineno]
        first, last = self._span(statement)
        if self._content[start:first].strip() or not re.fullmatch(rb"\s*(#.*)?\s*", self._content[last:end]):
            raise LeftAlone(f"line {statement.lineno} has several statements")
        return start, end, ""

    def with_options(self, call: ast.Call, options: str) -> Edit:
        """Return the edit that adds arguments to a call that has some."""
        _, last = self._span(max([*call.args, *(keyword.value for keyword in call.keywords)], key=_end))
        if not re.fullmatch(rb"\s*,?\s*(#[^\n]*\s*)?\)", self._content[last : self._span(call)[1]]):
            raise LeftAlone(f"the arguments in line {call.lineno} end with parentheses")
        return last, last, options

    def _span(self, node: _Node) -> tuple[int, int]:
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[_end(node)[0] - 1] + _end(node)[1]


def _end(node: _Node) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0
