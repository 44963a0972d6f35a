"""A neuron's file shows its equation, its state and the options of its own."""

from __future__ import annotations

import pytest

import code_lines

# anything may be beside the core, whose source this reads
pytestmark = pytest.mark.needs("snn-core")


def test_docstrings_comments_and_blank_lines_are_not_code():
    text = '"""A."""\n\n# why\nx = (\n    1,  # one\n\n)\ntext = """\nof two lines"""\n'
    assert code_lines.code_lines(text) == 5


def test_the_files_of_neurons_are_short(capsys):
    assert code_lines.main() == 0
    assert capsys.readouterr().out.count("lines of code") == len(code_lines.MOST)


def test_a_long_file_is_an_error(tmp_path, capsys):
    for name in code_lines.MOST:
        (tmp_path / f"{name}.py").write_text("x = 1\n" * 26, encoding="utf-8")
    assert code_lines.main(tmp_path) == 1
    assert "leaky.py: 26 lines of code, at most 25" in capsys.readouterr().out
