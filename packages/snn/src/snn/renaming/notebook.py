"""The code of a Jupyter notebook as Python, and a notebook's file with other code."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from snn.renaming.python_source import parsed

__all__ = ["as_python", "cells_of", "with_cells"]

_OTHER_LANGUAGE = re.compile(rb"\s*%%(?!(?:time|timeit|capture|prun)\b)")
_LINE = re.compile(
    rb"[ \t]*(?:[!%?]|[\w.,\s\[\]]+=\s*[!%]|[\w.]+\?|(?:pip3?|conda)\s+install\b)(?:[^\r\n]*\\\r?\n)*[^\r\n]*"
)


def cells_of(notebook: Any) -> list[str]:
    """Return the sources of a notebook's cells, each at its place; the source of a cell without code is empty."""
    try:
        if notebook["nbformat"] == 4:
            return ["".join(cell["source"]) if cell["cell_type"] == "code" else "" for cell in notebook["cells"]]
    except (KeyError, TypeError):
        pass
    raise ValueError("it is not a notebook of format 4; open it in Jupyter and save it")


def as_python(source: str) -> str:
    """Return a cell with comments of the same length in place of the lines for IPython that are not Python.

    Raises:
        SyntaxError: If another line is not Python.
    """
    content = source.encode()
    if _OTHER_LANGUAGE.match(content):
        return _hidden(content).decode()
    starts = [0, *accumulate(map(len, content.splitlines(keepends=True)))]
    while True:
        try:
            parsed(content.decode())
        except SyntaxError as error:
            line = _LINE.match(content, starts[min(error.lineno or 1, len(starts)) - 1])
            if line is None:
                raise
            first = line.end() - len(line[0].lstrip())
            content = content[:first] + b"0" + _hidden(content[first + 1 : line.end()]) + content[line.end() :]
        else:
            return content.decode()


def with_cells(text: str, notebook: Any, sources: Sequence[str]) -> str:
    """Return the text of a notebook's file with other sources, in its own layout if that is one that programs write."""
    layouts = [partial(json.dumps, indent=i, ensure_ascii=ascii_) for i in (1, 2, 4, None) for ascii_ in (False, True)]
    body = text.rstrip("\r\n")
    plain, end = body.replace("\r\n", "\n"), "\r\n" if "\r\n" in text else "\n"
    written = next((layout for layout in layouts if layout(notebook) == plain), layouts[0])
    for cell, before, after in zip(notebook["cells"], cells_of(notebook), sources, strict=True):
        if before != after:
            cell["source"] = after.splitlines(keepends=True) if isinstance(cell["source"], list) else after
    return written(notebook).replace("\n", end) + text[len(body) :]


def _hidden(content: bytes) -> bytes:
    return re.sub(rb"[^\r\n]", b"#", content)
