"""The renaming of a Python program that imports snnTorch."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["Renamed", "lines_of", "parsed", "renamed"]

OLD, NEW = "snntorch", "snn"
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_NAMES_IT = re.compile(rf"{OLD}(\.|$)|.*\bpip3? install\b.*\b{OLD}\b", re.DOTALL)


@dataclass
class Renamed:
    """Programs after renaming.

    Args:
        sources: The programs, or the cells of one.
        notes: Places that stay as they are but may need a manual change: number of the source, line, and reason.
    """

    sources: list[str]
    notes: list[tuple[int, int, str]] = field(default_factory=list)


def renamed(sources: Sequence[str], stays: bool = False) -> Renamed:
    r"""Rename the imports of snnTorch, and everything that is called by the name that they bind.

    Texts, comments, and names that only begin or end like it stay as they are. Where the name ``snn`` is something else
    in the program, or the old name is used where it must stay, ``import snntorch`` becomes ``import snn as snntorch``.

    Args:
        sources: Programs that share their names, as the cells of a notebook do; one for a file.
        stays: True if something outside of the programs uses the name ``snntorch``, which must stay bound.

    Raises:
        SyntaxError: If a source is not valid Python.

    Example:
        >>> renamed(["import snntorch as snn\nfrom snntorch import utils\n"]).sources[0]
        'import snn\nfrom snn import utils\n'
    """
    trees = [parsed(source) for source in sources]
    uses = _imports_it(trees) and not (stays or _must_stay(trees))
    programs = [_with(source, _edits(source, tree, uses)) for source, tree in zip(sources, trees, strict=True)]
    notes = [(i, line, why) for i, tree in enumerate(trees) for line, why in _notes(tree)]
    return Renamed(programs, sorted(notes))


def lines_of(source: str) -> list[str]:
    r"""Cut a program into lines as Python does, each with its line ending.

    Example:
        >>> lines_of("a\r\nb\x0cc")
        ['a\r\n', 'b\x0cc']
    """
    return _LINES.findall(source)


def parsed(source: str) -> ast.Module:
    """Return the tree of a program, ignoring Python's warnings about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _imports_it(trees: Sequence[ast.Module]) -> bool:
    """Return True if an import binds the name ``snntorch`` itself."""
    return any(
        _is_it(alias.name) and alias.asname in (None, OLD)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    )


def _must_stay(trees: Sequence[ast.Module]) -> bool:
    """Return True if the name ``snn`` has another meaning in the program, or ``snntorch`` is not only the module."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    in_texts = {id(inner) for node in nodes if isinstance(node, ast.JoinedStr) for inner in ast.walk(node)}
    bound = {name for node in nodes for name in _bound(node)}
    named = any(isinstance(node, ast.Name) and node.id == OLD and id(node) in in_texts for node in nodes)
    return bool(bound & {NEW, OLD}) or named  # Python 3.11 does not say where in an f-string a name stands


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds, except those of an import of snnTorch itself."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Global | ast.Nonlocal):
        yield from node.names
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            itself = _is_it(alias.name) and (alias.asname is None or alias.name == OLD)
            if not (isinstance(node, ast.Import) and itself):
                yield alias.asname or alias.name.partition(".")[0]


def _is_it(module: str) -> bool:
    return module.partition(".")[0] == OLD


def _edits(source: str, tree: ast.Module, uses: bool) -> dict[tuple[int, int], tuple[int, str]]:
    """Return the replacements, with the number of characters that they replace, by line and column."""
    lines = lines_of(source)
    edits: dict[tuple[int, int], tuple[int, str]] = {}

    def column(line: int, offset: int) -> int:
        return len(lines[line - 1].encode()[:offset].decode())

    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == OLD and uses:
            edits[node.lineno, column(node.lineno, node.col_offset)] = len(OLD), NEW
        elif isinstance(node, ast.ImportFrom) and not node.level and _is_it(node.module or ""):
            edits[_module_of(lines, node.lineno, column(node.lineno, node.col_offset))] = len(OLD), NEW
        elif isinstance(node, ast.Import):
            for alias in filter(lambda alias: _is_it(alias.name), node.names):
                start = column(alias.lineno, alias.col_offset)
                whole = alias.end_lineno == alias.lineno
                length = column(alias.lineno, alias.end_col_offset or 0) - start if whole else len(OLD)
                if (alias.name, alias.asname) == (OLD, NEW) and whole:
                    edits[alias.lineno, start] = length, NEW
                elif alias.asname is None and not uses and whole:
                    edits[alias.lineno, start] = length, f"{NEW} as {OLD}"
                elif alias.asname == OLD and uses and whole:
                    edits[alias.lineno, start] = length, NEW
                else:
                    edits[alias.lineno, start] = len(OLD), NEW
    return edits


def _module_of(lines: Sequence[str], line: int, column: int) -> tuple[int, int]:
    """Return the place of the module's name in the ``from module import ...`` that begins at a line and column."""
    text = "".join([lines[line - 1][column:], *lines[line:]])
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    row, at = next(token.start for token in tokens if token.type == tokenize.NAME and token.string == OLD)
    return line + row - 1, at + (column if row == 1 else 0)


def _with(source: str, edits: dict[tuple[int, int], tuple[int, str]]) -> str:
    lines = lines_of(source)
    for (line, column), (length, text) in sorted(edits.items(), reverse=True):
        old = lines[line - 1]
        lines[line - 1] = old[:column] + text + old[column + length :]
    return "".join(lines)


def _notes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAMES_IT.match(node.value):
            yield node.lineno, f"the text {node.value!r:.60} stays as it is"
        elif isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            if any(name.partition(".")[0] == NEW for name in names):
                yield node.lineno, f"a module {NEW!r} is imported already; if it is the program's own, rename it"
