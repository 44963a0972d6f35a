"""The renaming of a Jupyter notebook that imports snnTorch."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from snn.renaming.python_source import OLD, Renamed, lines_of, parsed, renamed

__all__ = ["cells_of", "renamed_cells", "with_cells"]

REMARK = "# instead of snntorch, install snn as its docs/install.md says; snn below 0.5 is another project"
_MAGIC = re.compile(r"\s*(?:[!%?]|[\w.,\s\[\]]+=\s*[!%]|[\w.]+\?|(?:uv\s+)?(?:pip3?|conda)\s+install\b)")
_PIP = re.compile(
    r"(?P<start>\s*[!%]?\s*(?:\S+\s+-m\s+|uv\s+)?(?:pip3?|conda)\s+install\s)(?P<words>(?:[^&;|]|>&)*?)(?P<end>\s*)\Z"
)
_CONTINUED = re.compile(r"\\\r?\n")
# options of pip, uv and conda that take the next word
_TAKING = {*"-r --requirement -e --editable --file --group -c --constraint --channel -t --target -n --name -p".split()}
_TAKING |= {*"--prefix --root --src -i --index-url --extra-index-url --index --default-index -f --find-links".split()}
_TAKING |= {*"--platform --python-version --python --implementation --abi --upgrade-strategy --report --log -P".split()}
_TAKING |= {*"-C --config-settings --config-setting --no-binary --only-binary --progress-bar --upgrade-package".split()}
_TAKING |= {*"--proxy --retries --timeout --exists-action --trusted-host --cert --client-cert --cache-dir".split()}
_BARE = re.compile(r"\d*[<>]+\Z")  # a redirection whose file is the next word
_REQUIRES = re.compile(r"(?!-|\d*[<>])|-[re]|--(?:requirement|editable|file|group)\b")
_IT = re.compile(rf"['\"]?(?:{OLD}(?:\[.*\])?(?:[=<>!~].*)?|git\+\S*/{OLD}(?:\.git)?(?:@.*)?)['\"]?\Z", re.IGNORECASE)
# a magic that runs Python, a value in a command for the shell, or a question about an attribute
_USES = re.compile(
    rf"\s*(?:[\w.,\s\[\]]+=\s*)?%+(?!(?:pip|conda|cd|ls)\b)\w+.*\b{OLD}\b"
    rf"|.*(?:\{{[^}}]*\b|\$){OLD}\b|\s*\?+{OLD}\.|\s*{OLD}\.[\w.]+\?"
)
_MENTION = re.compile(rf"^(?!\s*#).*\b{OLD}\b")
_PYTHON_CELLS = ("time", "timeit", "capture", "prun")


def cells_of(notebook: Any) -> list[str]:
    """Return the sources of a notebook's cells; an empty text for cells without code, so that cells keep their numbers.

    Example:
        >>> cells_of({"nbformat": 4, "cells": [{"cell_type": "code", "source": ["import ", "snntorch"]}]})
        ['import snntorch']
    """
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or notebook.get("nbformat") != 4:
        raise ValueError("it is not a notebook of format 4; open it in Jupyter and save it")
    sources: list[str] = []
    for cell in cells:
        source = cell.get("source") if isinstance(cell, dict) and cell.get("cell_type") == "code" else ""
        text = "".join(source) if isinstance(source, list) and all(isinstance(s, str) for s in source) else source
        if not isinstance(text, str):
            raise ValueError(f"cell {len(sources) + 1} has no source; open the notebook in Jupyter and save it")
        sources.append(text)
    return sources


def renamed_cells(sources: Sequence[str]) -> Renamed:
    """Rename the cells of a notebook as one program; a line that installs snnTorch becomes a comment.

    Where a line for IPython uses the name ``snntorch``, that name stays bound.

    Raises:
        SyntaxError: If a cell is neither Python nor lines for IPython; its message names the cell.

    Example:
        >>> renamed_cells(["!pip install snntorch", "import snntorch as snn"]).sources
        ['# instead of snntorch, install snn as its docs/install.md says; ...', 'import snn']
    """
    installed = [source if _is_python(source) else _installs(source) for source in sources]
    hidden = [_as_python(source, cell) for cell, source in enumerate(installed, 1)]
    result = renamed([python for python, _ in hidden], stays=any(_runs_it(kept) for _, kept in hidden))
    shown = [_with_lines(text, kept) for text, (_, kept) in zip(result.sources, hidden, strict=True)]
    lines = ((cell, number + 1, line) for cell, (_, kept) in enumerate(hidden) for number, line in kept.items())
    notes = [
        (cell, number, f"the line {line.strip()!r:.60} stays as it is")
        for cell, number, line in lines
        if _MENTION.search(line)
    ]
    return Renamed(shown, sorted([*result.notes, *notes]))


def with_cells(text: str, notebook: Any, sources: Sequence[str]) -> str:
    """Return the text of a notebook's file with other sources, in its own layout if that is one that programs write.

    Example:
        >>> text = '{"nbformat": 4, "cells": [{"cell_type": "code", "source": "import snntorch"}]}'
        >>> with_cells(text, json.loads(text), ["import snn"])
        '{"nbformat": 4, "cells": [{"cell_type": "code", "source": "import snn"}]}'
    """
    layouts = [partial(json.dumps, indent=i, ensure_ascii=ascii_) for i in (1, 2, 4, None) for ascii_ in (False, True)]
    body = text.rstrip("\r\n")
    plain, end = body.replace("\r\n", "\n"), "\r\n" if "\r\n" in text else "\n"
    written = next((layout for layout in layouts if layout(notebook) == plain), layouts[0])
    for cell, before, after in zip(notebook["cells"], cells_of(notebook), sources, strict=True):
        if before != after:
            cell["source"] = after.splitlines(keepends=True) if isinstance(cell["source"], list) else after
    return written(notebook).replace("\n", end) + text[len(body) :]


def _as_python(source: str, cell: int) -> tuple[str, dict[int, str]]:
    """Return a cell with ``pass`` instead of lines for IPython that are not Python, and these lines by number."""
    first = re.match(r"\s*%%(\w+)", source)
    lines, kept = lines_of(source), {}
    while True:
        try:
            parsed("".join(lines))
        except SyntaxError as error:
            at = (error.lineno or 1) - 1
            if first is not None and first[1] not in _PYTHON_CELLS:
                at, end = 0, len(lines)
            elif at not in kept and at < len(lines) and _MAGIC.match(lines[at]):
                end = next((i for i in range(at, len(lines)) if not lines[i].rstrip().endswith("\\")), at) + 1
            else:
                error.msg = f"cell {cell}: {error.msg}"
                raise
            for number in range(at, end):
                line = lines[number]
                kept[number] = line
                lines[number] = (_indent(line) + "pass" if number == at else "#") + _end(line)
            continue
        return "".join(lines), kept


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _is_python(source: str) -> bool:
    try:
        parsed(source)
    except SyntaxError:
        return False
    return True


def _with_lines(python: str, kept: dict[int, str]) -> str:
    lines = lines_of(python)
    for number, line in kept.items():
        lines[number] = line
    return "".join(lines)


def _runs_it(kept: dict[int, str]) -> bool:
    """Return True if lines for IPython use the name of snnTorch as Python does."""
    text = _CONTINUED.sub(" ", "".join(kept.values()))
    first, _, body = text.partition("\n")
    if first.lstrip().startswith("%%") and _is_python(body):
        names = (node for node in ast.walk(parsed(body)) if isinstance(node, ast.Name))
        return any(name.id == OLD for name in names) or bool(_USES.match(first))
    return any(map(_USES.match, lines_of(text)))


def _installs(source: str) -> str:
    lines: list[str] = []
    for line in lines_of(source):
        if lines and lines[-1].rstrip().endswith("\\"):
            lines[-1] += line
        else:
            lines.append(line)
    return "".join(map(_installs_not, lines))


def _installs_not(line: str) -> str:
    """Remove snnTorch from a line that installs it, or put a comment in the place of the line."""
    match = _PIP.match(line)
    words, mark, comment = _CONTINUED.sub(" ", match["words"]).partition(" #") if match else ("", "", "")
    parts = _parts(words.split())
    others = [part for part in parts if not (_REQUIRES.match(part[0]) and _IT.match(part[-1]))]
    if match is None or len(others) == len(parts):
        return line
    indent = _indent(line)
    if any(_REQUIRES.match(part[0]) for part in others):
        rest = " ".join(word for part in others for word in part)
        return f"{indent}{REMARK}\n{match['start']}{rest}{mark}{comment}{match['end']}"
    return f"{indent}{'pass  ' if indent else ''}{REMARK}{match['end']}"


def _parts(words: Sequence[str]) -> list[list[str]]:
    """Return the arguments of an installation: options with their values, redirections and requirements."""
    parts: list[list[str]] = []
    for word in words:
        if parts and len(parts[-1]) == 1 and (parts[-1][0] in _TAKING or _BARE.match(parts[-1][0])):
            parts[-1].append(word)
        else:
            parts.append([word])
    return parts
