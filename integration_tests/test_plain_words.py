"""Docstrings, pages and names are plain American English, as far as a program can tell."""

from __future__ import annotations

import pytest

import plain_words

# anything may be beside the core; the texts of all packages are read from their sources
pytestmark = pytest.mark.needs("snn-core")


@pytest.mark.parametrize("first", ["Whether it runs.", "What a net gives.", "Where files are.", "How fast it is."])
def test_a_first_line_is_not_a_noun_clause(first):
    problem = f'"{first}": begin with a verb, or a noun for a class'
    assert [*plain_words.of_program(f'"""{first}"""', "tools/f.py")] == [(1, problem)]


def test_a_question_is_a_first_line():
    assert not [*plain_words.of_program('"""What does it cost?"""', "tools/f.py")]


def test_a_field_may_have_a_name_that_a_variable_may_not():
    text = "class Row:\n    given: int\n\n\ndef f(row):\n    for one in row:\n        print(one)\n"
    assert [*plain_words.of_program(text, "tools/f.py")] == [(6, '"one": name it by a noun')]


def test_tests_and_tools_have_a_longer_list_of_names():
    text = "kept = 1\n"
    assert [*plain_words.of_program(text, "tools/bench/f.py")] == [(1, '"kept": name it by a noun')]
    assert not [*plain_words.of_program(text, "packages/snn/src/snn/f.py")]


@pytest.mark.parametrize(
    "name",
    [
        "what_fails_is_named",
        "003_who_watches_sees_it",
        "so_is_another",
        "a_cell_is_no_net",
        "errors_are_told_at_once",
        "a_loss_of_ones_own",
    ],
)
def test_the_name_of_a_test_is_a_sentence_with_its_subject_first(name):
    text = f"def test_{name}(): ...\n"
    assert [*plain_words.of_program(text, "integration_tests/test_f.py")] == [
        (1, f'"test_{name}": a sentence with its subject first')
    ]


@pytest.mark.parametrize("name", ["a_name_is_no_longer_listed", "somewhere_it_ends", "so_many_are_enough"])
def test_other_names_of_tests_are_left_alone(name):
    assert not [*plain_words.of_program(f"def test_{name}(): ...\n", "integration_tests/test_f.py")]


def test_each_problem_is_printed_with_its_place(tmp_path, capsys):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# Page\n\nThis is no page of favourites.\n", encoding="utf-8")
    assert plain_words.main(tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        'docs/page.md:3: "is no page": reads as translated',
        'docs/page.md:3: "favourites": American spelling',
        "2 sentences or names to mend",
    ]
