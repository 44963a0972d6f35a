"""The renaming of the imports of snnTorch in a Python program."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from itertools import accumulate

__all__ = ["NEW", "OLD", "parsed", "renamed", "texts"]

OLD, NEW = "snntorch", "snn"


def parsed(source: str) -> ast.Module:
    """Return the tree of a program, ignoring Python's warnings about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def renamed(source: str, tree: ast.Module) -> str:
    r"""Rename the imports of snnTorch; each import binds the names that it bound before, so nothing else changes.

    Args:
        source: A program.
        tree: Its tree, or that of a program of the same length in bytes.

    Example:
        >>> program = "import snntorch as snn\nfrom snntorch import utils\n"
        >>> renamed(program, parsed(program))
        'import snn\nfrom snn import utils\n'
    """
    content = source.encode()
    for start, end, text in sorted(_edits(content, tree), reverse=True):
        content = content[:start] + text.encode() + content[end:]
    return content.decode()


def texts(tree: ast.Module) -> set[int]:
    """Return the numbers, from 0, of the lines in which texts begin that are snnTorch's name or that of its module."""
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {node.lineno - 1 for node in constants if isinstance(node.value, str) and _is_it(node.value)}


def _is_it(module: str) -> bool:
    return module.partition(".")[0] == OLD


def _edits(content: bytes, tree: ast.Module) -> Iterator[tuple[int, int, str]]:
    """Yield what replaces the bytes from a start to an end."""
    starts = [0, *accumulate(map(len, content.splitlines(keepends=True)))]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and _is_it(node.module or ""):
            start = content.index(OLD.encode(), starts[node.lineno - 1] + node.col_offset)
            yield start, start + len(OLD), NEW
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _is_it(alias.name):
                    start = starts[alias.lineno - 1] + alias.col_offset
                    end = starts[(alias.end_lineno or 1) - 1] + (alias.end_col_offset or 0)
                    yield start, end, _import(NEW + alias.name.removeprefix(OLD), alias.asname)


def _import(module: str, bound: str | None) -> str:
    if bound is None:  # the package, which loads its modules on demand
        return f"{NEW} as {OLD}"
    return module if module == bound else f"{module} as {bound}"
