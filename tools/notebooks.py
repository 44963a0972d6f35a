"""Write the tutorials as Jupyter notebooks: ``python tools/notebooks.py [FOLDER]``, by default ``dist/notebooks``.

The code cells are the programs of the page, which run in order, without the assertions that guard it. The text between
them, with formulas, and with programs that are only meant to be read, becomes Markdown cells.
``python tools/notebooks.py --run FILE`` runs the cells of a notebook from top to bottom, without Jupyter.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import sys
import types
from typing import Any

import pages
from workspace import ROOT

TUTORIALS = ROOT / "docs" / "tutorials"
# links and pictures inside the tree, which a downloaded notebook does not have beside it
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:)([^)#\s]*)(?:#[^)\s]*)?\)")


def tutorials() -> list[pathlib.Path]:
    """Return the pages of the tutorials, in order.

    Example:
        >>> tutorials()[0].name
        '1-spike-encoding.md'
    """
    return sorted(TUTORIALS.glob("*.md"), key=lambda page: int(page.name.partition("-")[0]))


def notebook(text: str, folder: str = "docs") -> dict[str, Any]:
    r"""Return a page as a notebook of format 4.5.

    Args:
        text: The page.
        folder: The folder of the page, from which its links lead.

    Example:
        >>> page = "# A sum\n\n```python\nprint(1 + 1)\n```\n"
        >>> [(cell["cell_type"], cell["source"]) for cell in notebook(page)["cells"]]
        [('markdown', ['# A sum']), ('code', ['print(1 + 1)'])]
    """
    lines, cells, end = text.splitlines(keepends=True), list[dict[str, Any]](), 0
    for block in pages.blocks(text):
        cells += _markdown(lines[end : block.line - 2], folder)
        cells.append(_cell("code", pages.without_checks(block.code)) | {"execution_count": None, "outputs": []})
        end = block.line + block.code.count("\n")
    cells += _markdown(lines[end:], folder)
    return {
        "cells": [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells, 1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write(folder: pathlib.Path) -> list[pathlib.Path]:
    """Write a notebook for each tutorial into a folder, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for page in tutorials():
        content = notebook(page.read_text(encoding="utf-8"), page.parent.relative_to(ROOT).as_posix())
        files.append(folder / f"{page.stem}.ipynb")
        files[-1].write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return files


def run(file: pathlib.Path) -> None:
    """Run the code cells of a notebook in this process, from top to bottom, as the module ``__main__``."""
    program = types.ModuleType("__main__")
    sys.modules["__main__"] = program
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{file}, {cell['id']}", "exec"), vars(program))


def _markdown(lines: list[str], folder: str) -> list[dict[str, Any]]:
    text = LINK.sub(lambda link: _without_link(link, folder), "".join(lines))
    return [_cell("markdown", text)] if text.strip() else []


def _without_link(link: re.Match[str], folder: str) -> str:
    """Return the text of a link, and the page in the tree that it leads to; the text alone of a picture."""
    is_picture, text, target = link.groups()
    if is_picture or not target:
        return f"*{text}*" if is_picture else text
    return f"{text} ({os.path.normpath(f'{folder}/{target}')})"


def _cell(kind: str, text: str) -> dict[str, Any]:
    return {"cell_type": kind, "metadata": {}, "source": text.strip("\n").splitlines(keepends=True)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(pathlib.Path(sys.argv[2]))
    else:
        print(*write(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "notebooks"), sep="\n")
