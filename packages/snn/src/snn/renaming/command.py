"""The options of ``snn rename``, its output, and the files that it writes."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import platform
import sys
import tokenize
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from snn.factory import CannotMake
from snn.renaming.notebook import as_python, cells_of, with_cells
from snn.renaming.python_source import NEW, OLD, parsed, renamed, texts
from snn.renaming.unrolling import unrolled

__all__ = ["add_options", "main"]

_KINDS = (".py", ".ipynb")
_SKIPPED = {"__pycache__", "node_modules", "site-packages", "build", "dist"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``snn rename``."""
    parser.description = (
        "Change the imports of snnTorch in programs to imports of snn, which bind the same names. The changes are "
        "shown, and written only with --write. Everything else stays, such as texts, comments and the lines of a "
        "notebook that are not Python. The exit code is 1 if a file cannot be read or written."
    )
    parser.add_argument("paths", nargs="+", metavar="FILE", help="a .py or .ipynb file, or a folder of them")
    parser.add_argument(
        "--unroll",
        action="store_true",
        help="also replace loops over time by snn.unroll in programs, where that gives the same numbers",
    )
    parser.add_argument("--write", action="store_true", help="change the files")


def main(options: argparse.Namespace) -> int:
    """Run ``snn rename``.

    Returns:
        Exit code: 0 if all is well, 1 if a file could not be read or written.

    Raises:
        CannotMake: If there is no such file, or it is of another kind.
    """
    paths = [Path(path) for path in options.paths]
    for path in paths:
        if not path.exists():
            raise CannotMake(f"there is no file or folder {path}")
        if path.is_file() and path.suffix not in _KINDS:
            raise CannotMake(f"{path} is neither a program (.py) nor a notebook (.ipynb)")
    changed, failed = 0, 0
    for path in dict.fromkeys(file for argument in paths for file in _files(argument)):
        try:
            changed += _rename(path, options.write, options.unroll)
        except (OSError, ValueError, SyntaxError, RecursionError) as error:
            failed += 1
            print(f"snn rename: {path} stays as it is: {error or type(error).__name__}", file=sys.stderr)
    files = "1 file" if changed == 1 else f"{changed} files"
    summary = f"{files} changed" if options.write else f"{files} to change, with --write"
    print(summary if changed else "nothing to rename", file=sys.stderr)
    return int(failed > 0)


def _files(path: Path) -> Iterator[Path]:
    """Yield the programs and notebooks of a folder, except those of other projects inside it; or a file itself."""
    if path.is_file():
        yield path
        return
    for folder, inner, names in os.walk(path):
        here = Path(folder)
        others = {name for name in inner if name.startswith(".") or (here / name / "pyvenv.cfg").exists()}
        inner[:] = sorted({*inner} - others - _SKIPPED)
        yield from (here / name for name in sorted(names) if Path(name).suffix in _KINDS and not name.startswith("."))


def _rename(path: Path, write: bool, unroll: bool) -> bool:
    """Show the changes of a file, and make them if asked to; return True if there are any."""
    content = path.read_bytes()
    is_notebook = path.suffix == ".ipynb"
    encoding = "utf-8" if is_notebook else tokenize.detect_encoding(BytesIO(content).readline)[0]
    text = content.decode(encoding)
    notebook = json.loads(text) if is_notebook else None
    before = cells_of(notebook) if is_notebook else [text]
    places = [f"{path} (cell {number})" if is_notebook else str(path) for number, _ in enumerate(before, 1)]
    renamings = [_renaming(source, place) for source, place in zip(before, places, strict=True)]
    after = [new for new, _ in renamings]
    notes = [note for _, notes in renamings for note in notes]
    if unroll and not is_notebook:
        after[0], about = unrolled(after[0], str(path))
        notes += [f"{path}, {line}" for line in about]
    if after == before:
        _print(notes if unroll else [])
        return False
    if write:
        path.write_bytes((with_cells(text, notebook, after) if is_notebook else after[0]).encode(encoding))
    for old, new, place in zip(before, after, places, strict=True):
        lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), place, place)
        sys.stdout.writelines(line if line.endswith("\n") else f"{line}\n" for line in lines)
    own = [path.parent / name for name in (f"{NEW}.py", f"{NEW}/__init__.py") if (path.parent / name).exists()]
    _print([*notes, *(f"{file} is what 'import {NEW}' finds in {path}; rename it" for file in own)])
    return True


def _print(notes: Iterable[str]) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _renaming(source: str, place: str) -> tuple[str, list[str]]:
    """Return a program after renaming, and a note for each line that names snnTorch outside of an import."""
    try:
        python = as_python(source)
    except SyntaxError as error:
        reason = f"is not valid Python {platform.python_version()}: {error.msg}"
        raise ValueError(f"line {error.lineno} of {place} {reason}") from error
    tree = parsed(python)
    lines, pythons = (text.encode().splitlines() for text in (source, python))
    hidden = {i for i, line in enumerate(lines) if line != pythons[i] and OLD.encode() in line}
    stay = ((i + 1, lines[i].decode().strip()) for i in sorted(hidden | texts(tree)))
    return renamed(source, tree), [f"{place}, line {i}: {line!r:.60} stays as it is" for i, line in stay]
