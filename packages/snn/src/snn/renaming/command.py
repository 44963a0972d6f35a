"""The options of ``snn rename``, its output, and the files that it writes."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import shutil
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from snn.factory import CannotMake
from snn.renaming.notebook import cells_of, renamed_cells, with_cells
from snn.renaming.python_source import NEW, renamed

__all__ = ["add_options", "main"]

_KINDS = (".py", ".ipynb")
_SKIPPED = {"__pycache__", "node_modules", "site-packages", "build", "dist"}


@dataclass
class _File:
    """A file after renaming: its content, the changes as a diff, and notes for the user."""

    path: Path
    content: bytes
    changes: list[str]
    notes: list[str] = field(default_factory=list)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``snn rename``."""
    parser.description = (
        "Change programs that import snnTorch to import snn. The changes are shown, and written only with --write. "
        "Imports and uses of the imported names are renamed; strings and comments stay as they are; a line of a "
        "notebook that installs snnTorch becomes a comment. The exit code is 1 if a file cannot be read or written."
    )
    parser.add_argument("paths", nargs="+", metavar="FILE", help="a .py or .ipynb file, or a folder of them")
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
            file = _renamed(path)
            if file.changes and options.write:
                _write(file)
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            failed += 1
            print(f"snn rename: {path} stays as it is: {_why(error)}", file=sys.stderr)
            continue
        changed += bool(file.changes)
        sys.stdout.writelines(file.changes)
        for note in file.notes if file.changes else ():
            print(f"note: {note}", file=sys.stderr)
    print(_summary(changed, options.write), file=sys.stderr)
    return int(failed > 0)


def _summary(changed: int, written: bool) -> str:
    if not changed:
        return "nothing to rename"
    files = "1 file" if changed == 1 else f"{changed} files"
    return f"{files} changed" if written else f"{files} to change, with --write"


def _why(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"it is not valid Python {version} ({error.msg}, line {error.lineno})"
    return str(error) or type(error).__name__


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


def _renamed(path: Path) -> _File:
    content = path.read_bytes()
    file = _of_notebook(path, content) if path.suffix == ".ipynb" else _of_program(path, content)
    own = [name for name in (f"{NEW}.py", f"{NEW}/__init__.py") if (path.parent / name).exists()]
    if file.changes and own:
        file.notes.append(f"{path.parent / own[0]} is what 'import {NEW}' finds in {path}; rename it")
    return file


def _of_program(path: Path, content: bytes) -> _File:
    encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
    text = content.decode(encoding)
    result = renamed([text])
    notes = [f"{path}, line {line}: {why}" for _, line, why in result.notes]
    return _File(path, result.sources[0].encode(encoding), _diff(text, result.sources[0], str(path)), notes)


def _of_notebook(path: Path, content: bytes) -> _File:
    text = content.decode()
    notebook = json.loads(text)
    before = cells_of(notebook)
    result = renamed_cells(before)
    pairs = enumerate(zip(before, result.sources, strict=True), 1)
    changes = [line for cell, (old, new) in pairs for line in _diff(old, new, f"{path} (cell {cell})")]
    notes = [f"{path}, cell {cell + 1}, line {line}: {why}" for cell, line, why in result.notes]
    return _File(path, with_cells(text, notebook, result.sources).encode(), changes, notes)


def _diff(old: str, new: str, name: str) -> list[str]:
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), name, name)
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]


def _write(file: _File) -> None:
    """Replace the old content with the new one, completely or not at all."""
    target = Path(os.path.realpath(file.path))
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_bytes(file.content)
        shutil.copymode(target, part)
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
