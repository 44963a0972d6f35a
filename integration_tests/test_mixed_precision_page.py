"""The page of mixed precision: its tables are those of the tool, with every net and every task."""

from __future__ import annotations

import re

import pytest

import mixed_precision
from bench.tables import Table

pytestmark = pytest.mark.needs()


def test_the_page_has_a_row_of_every_net_and_task_with_three_seeds():
    text = mixed_precision.PAGE.read_text(encoding="utf-8")
    assert [*re.findall(r"^\| (\S*(?:, as in tutorial \d)?) +\| [\d.]+ ms", text, re.MULTILINE)] == [
        *mixed_precision.NETS
    ]
    seeds = re.findall(r"^\| (\w+) +\| ([\d., ]+) +\| ([\d., ]+) +\| [+-]\d\.\d\d", text, re.MULTILINE)
    assert [(task, len(a.split(",")), len(b.split(","))) for task, a, b in seeds] == [
        (task, 3, 3) for task in ("digits", "vowels", "mnist_rows")
    ]


def test_the_tables_go_between_the_marks():
    text = f"before\n{mixed_precision.BEGIN}\nold\n{mixed_precision.END}\nafter"
    made = mixed_precision.page(text, [Table("New", ["a"], [["1"]])])
    assert "old" not in made
    assert made.startswith("before")
    assert made.endswith("after")
    assert mixed_precision.page(made, [Table("New", ["a"], [["1"]])]) == made


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="needs the lines"):
        mixed_precision.page("# Mixed precision", [])
