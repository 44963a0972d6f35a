"""Run the Python blocks of a Markdown page as one program, and keep what every block prints and draws.

``python tools/pages.py PAGE [FOLDER]`` runs one page and writes the record into FOLDER, by default ``dist/pages``. The
tests of the pages write the records, and the site shows them below the blocks. A traceback names the page and its line.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import time
import types
from dataclasses import asdict, dataclass, field

from workspace import ROOT

# the info string must be the language alone: a block that begins with ```python no-run is only meant to be read
FENCE = re.compile(r"^(?P<indent>[ ]*)```python\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
DOTS_PER_INCH = 110


class PageError(RuntimeError):
    """An error: a page did not run to its end."""


@dataclass
class Block:
    """One block of a page: where it starts, its program, and what it printed and drew.

    Attributes:
        line: Number of its first line of code in the page.
        code: Its program; inside a list item, without the indentation.
        printed: What it wrote to the standard output.
        pictures: Files of the figures that it left open, beside the record.
    """

    line: int
    code: str
    printed: str = ""
    pictures: list[str] = field(default_factory=list)


@dataclass
class Record:
    """The result of running a page.

    Attributes:
        text: The page as it was.
        blocks: Its Python blocks in order.
        seconds: How long they ran.
    """

    text: str
    blocks: list[Block]
    seconds: float


def blocks(text: str) -> list[Block]:
    r"""Return the Python blocks of a page.

    Example:
        >>> blocks("A sum:\n\n```python\nprint(1 + 1)\n```\n")
        [Block(line=4, code='print(1 + 1)\n', printed='', pictures=[])]
    """
    return [
        Block(text.count("\n", 0, match.start("code")) + 1, textwrap.dedent(match["code"]))
        for match in FENCE.finditer(text)
    ]


def without_checks(code: str) -> str:
    r"""Return a program without its assertions, which guard a page and are not for its readers.

    Those inside of functions and loops stay, and so does a program of nothing else.

    Example:
        >>> without_checks("x = 1\nassert x == 1\nprint(x)\nassert x\n")
        'x = 1\nprint(x)\n'
    """
    statements = ast.parse(code).body
    checks = [statement for statement in statements if isinstance(statement, ast.Assert)]
    if len(checks) == len(statements):
        return code
    lines = code.splitlines(keepends=True)
    for check in reversed(checks):
        del lines[check.lineno - 1 : check.end_lineno]
    return "".join(lines).rstrip() + "\n"


def pages() -> list[str]:
    """Return every Markdown page of the tree for readers, as its path from the root.

    Example:
        >>> "README.md" in pages()
        True
    """
    patterns = ("*.md", "docs/**/*.md", "packages/*/*.md")
    return sorted(page.relative_to(ROOT).as_posix() for pattern in patterns for page in ROOT.glob(pattern))


def run(page: str, folder: pathlib.Path, root: pathlib.Path = ROOT) -> Record:
    r"""Run a page in its own process and empty working folder; keep the record and pictures in ``folder / page``.

    Raises:
        PageError: If the page does not run to its end; the message is its traceback.

    Example:
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (root / "sum.md").write_text("```python\nprint(1 + 1)\n```\n")
        >>> run("sum.md", root / "records", root).blocks
        [Block(line=2, code='print(1 + 1)\n', printed='2\n', pictures=[])]
    """
    into = (folder / page).resolve()
    common = {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tools")}
    with tempfile.TemporaryDirectory() as working:
        command = [sys.executable, __file__, "--here", str(root / page), str(into)]
        process = subprocess.run(
            command, cwd=working, env=os.environ | common, capture_output=True, text=True, check=False
        )
    if process.returncode:
        raise PageError(f"{page}: {process.stderr.strip()}")
    return _read(into)


def recorded(page: str, folder: pathlib.Path, root: pathlib.Path = ROOT, anew: bool = True) -> Record | None:
    r"""Return the kept record of a page if the page has not changed; otherwise run it, or return None if not ``anew``.

    Example:
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (root / "sum.md").write_text("```python\nprint(1 + 1)\n```\n")
        >>> recorded("sum.md", root / "records", root, anew=False) is None
        True
        >>> recorded("sum.md", root / "records", root) == recorded("sum.md", root / "records", root, anew=False)
        True
    """
    if (folder / page / "record.json").exists():
        record = _read(folder / page)
        if record.text == (root / page).read_text(encoding="utf-8"):
            return record
    return run(page, folder, root) if anew else None


def _read(folder: pathlib.Path) -> Record:
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    return Record(record["text"], [Block(**block) for block in record["blocks"]], record["seconds"])


def _run_here(page: pathlib.Path, folder: pathlib.Path) -> None:
    """Run the blocks in this process as the module ``__main__``."""
    text = page.read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    program = types.ModuleType("__main__")
    program.__file__ = str(page)
    sys.modules["__main__"] = program
    start, sections = time.perf_counter(), blocks(text)
    for number, block in enumerate(sections):
        # at the block's line numbers in the page, for tracebacks and for code that reads the source of a function
        code = compile("\n" * (block.line - 1) + block.code, program.__file__, "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, vars(program))
        block.printed = printed.getvalue()
        block.pictures = _pictures(folder, number)
    record = Record(text, sections, round(time.perf_counter() - start, 1))
    (folder / "record.json").write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")


def _pictures(folder: pathlib.Path, block: int) -> list[str]:
    """Save the open figures, close them, and return the file names."""
    if "matplotlib.pyplot" not in sys.modules:
        return []
    plt = sys.modules["matplotlib.pyplot"]
    files = []
    for number in plt.get_fignums():
        files.append(f"{block}-{number}.png")
        plt.figure(number).savefig(folder / files[-1], dpi=DOTS_PER_INCH)
    plt.close("all")
    return files


if __name__ == "__main__":
    if sys.argv[1] == "--here":
        _run_here(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    else:
        record = run(sys.argv[1], pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "dist" / "pages"))
        for block in record.blocks:
            print(block.printed, end="")
        print(f"{len(record.blocks)} blocks, {record.seconds} s")
