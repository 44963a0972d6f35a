"""Check how much code a neuron's own file needs: ``python tools/code_lines.py``.

Its equation is to be what a reader sees. Docstrings, comments and blank lines do not count.
"""

from __future__ import annotations

import ast
import io
import pathlib
import sys
import tokenize

from workspace import ROOT

NEURONS = ROOT / "packages" / "snn-core" / "src" / "snn_core" / "neurons"
MOST = {"leaky": 25, "synaptic": 30, "rleaky": 30}
_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(text: str) -> int:
    r"""Count the lines of a program that hold code.

    Returns:
        The number of its lines without docstrings, comments and blank lines.

    Example:
        >>> code_lines('def f(x):\n    "Return x."\n\n    # as it is\n    return x  # and no other\n')
        2
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _SILENT:
            lines |= {*range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines -= {*range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1)}
    return len(lines)


def main(folder: pathlib.Path = NEURONS) -> int:
    """Print how much code each neuron of ``MOST`` has.

    Returns:
        The exit status: 1 if any has more than it may have.
    """
    status = 0
    for name, most in MOST.items():
        count = code_lines((folder / f"{name}.py").read_text(encoding="utf-8"))
        print(f"{name}.py: {count} lines of code, at most {most}")
        status |= count > most
    return status


if __name__ == "__main__":
    sys.exit(main())
