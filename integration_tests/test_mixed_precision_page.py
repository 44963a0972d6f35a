"""The page of mixed precision: its tables are those of the tool, with every net and every task."""

from __future__ import annotations

import re
import types

import pytest
import torch

import mixed_precision

pytestmark = pytest.mark.needs()


def test_the_page_has_a_row_of_every_net_and_task_with_three_seeds():
    text = mixed_precision.PAGE.read_text(encoding="utf-8")
    assert [*re.findall(r"^\| (\S*(?:, as in snnTorch's tutorial \d)?) +\| [\d.]+ ms", text, re.MULTILINE)] == [
        *mixed_precision.NETS
    ]
    seeds = re.findall(r"^\| (\w+) +\| ([\d., ]+) +\| ([\d., ]+) +\| [+-]\d\.\d\d", text, re.MULTILINE)
    assert [(task, len(a.split(",")), len(b.split(","))) for task, a, b in seeds] == [
        (task, 3, 3) for task in ("digits", "vowels", "mnist_rows")
    ]


def test_the_tables_of_the_page_are_between_the_marks():
    text = mixed_precision.PAGE.read_text(encoding="utf-8")
    tables = mixed_precision.PART.part(text)
    assert tables.startswith(f"{mixed_precision.PART.begin}\n\n### ")
    assert "\n| " not in text.partition(tables)[2]


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match=r"\.md needs the lines"):
        mixed_precision.PART.put("# Mixed precision", str)


def test_one_seed_has_no_spread(monkeypatch):
    recipe = types.SimpleNamespace(task="digits", load=lambda options: None)
    monkeypatch.setattr(mixed_precision, "_recipes", lambda: (None, [recipe]))
    monkeypatch.setattr(mixed_precision, "_tested", lambda training, recipe, parts, seed, on: 90.0 + seed + on)
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    assert mixed_precision.accuracies(1).rows == [["digits", "90.0", "91.0", "+1.00", "–"]]
    assert mixed_precision.accuracies(2).rows == [["digits", "90.0, 91.0", "91.0, 92.0", "+1.00", "0.71"]]


def test_one_step_has_its_ratio_for_all_quartiles(monkeypatch):
    monkeypatch.setattr(mixed_precision, "NETS", {"small": (lambda: mixed_precision._dense(5, 7, 3), (4, 5))})
    monkeypatch.setattr(mixed_precision, "_step", lambda *arguments: 0.004 if arguments[-1] else 0.002)
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    (row,) = mixed_precision.times(1).rows
    assert row[:4] == ["small", "2.0 ms", "4.0 ms", "2.00 (2.00 to 2.00)"]


def test_no_steps_and_no_seeds_are_refused(capsys):
    for words in (["--repeats", "0"], ["--seeds", "0"]):
        with pytest.raises(SystemExit):
            mixed_precision.main(words)
        assert f"argument {words[0]}: 0 is not at least 1" in capsys.readouterr().err
