"""Docstrings, pages and names are plain American English, as far as a program can tell."""

from __future__ import annotations

import ast

import pytest

import plain_words

# anything may be beside the core; the texts of all packages are read from their sources
pytestmark = pytest.mark.needs("snn-core")


def test_the_workspace_has_nothing_to_mend(capsys):
    status = plain_words.main()
    assert (status, capsys.readouterr().out) == (0, "0 sentences or names to mend\n")


@pytest.mark.parametrize("first", ["Whether it runs.", "What a net gives.", "Where files are.", "How fast it is."])
def test_a_first_line_is_not_a_noun_clause(first):
    assert [*plain_words.first_lines(ast.parse(f'"""{first}"""'))] == [(1, first)]


def test_a_question_is_a_first_line():
    assert not [*plain_words.first_lines(ast.parse('"""What does it cost?"""'))]


def test_a_field_may_have_a_name_that_a_variable_may_not():
    text = "class Row:\n    given: int\n\n\ndef f(row):\n    for one in row:\n        print(one)\n"
    assert [*plain_words.names(ast.parse(text))] == [(6, "one")]


def test_names_count_in_sources_and_not_in_tests():
    text = "def f(found): ...\n"
    assert [*plain_words.of_program(text, "packages/snn/src/snn/f.py")] == [(1, '"found": name it by a noun')]
    assert not [*plain_words.of_program(text, "packages/snn/tests/test_f.py")]


def test_each_problem_is_printed_with_its_place(tmp_path, capsys):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# Page\n\nThis is no page of favourites.\n", encoding="utf-8")
    assert plain_words.main(tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        'docs/page.md:3: "is no page": say "is not a ..."',
        'docs/page.md:3: "favourites": American spelling',
        "2 sentences or names to mend",
    ]
