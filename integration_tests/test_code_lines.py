"""A neuron's file shows its equation, its state and the options of its own: it has few lines of code."""

from __future__ import annotations

import ast
import io
import tokenize

import pytest

from workspace import source

# anything may be beside the core, whose source this reads
pytestmark = pytest.mark.needs("snn-core")

SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(text: str) -> int:
    """Return the number of a program's lines without docstrings, comments and blank lines."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SILENT:
            lines |= {*range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines -= {*range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1)}
    return len(lines)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('def f(x):\n    "Return x."\n\n    # as it is\n    return x  # and no other\n', 2),
        ('"""A."""\n\n# why\nx = (\n    1,  # one\n\n)\ntext = """\nof two lines"""\n', 5),
    ],
)
def test_docstrings_comments_and_blank_lines_are_not_code(text: str, count: int):
    assert code_lines(text) == count


@pytest.mark.parametrize(("name", "most"), [("leaky", 25), ("synaptic", 30), ("rleaky", 30)])
def test_the_files_of_neurons_are_short(name: str, most: int):
    file = source("snn-core") / "neurons" / f"{name}.py"
    assert code_lines(file.read_text(encoding="utf-8")) <= most
