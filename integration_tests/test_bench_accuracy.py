"""The table of accuracies: what it says of runs made up, and a small run from end to end."""

from __future__ import annotations

import json

import pytest

from bench import __main__ as program
from bench import report
from bench.accuracy import command as accuracy
from bench.accuracy import tables
from snn.demo.settings import TASKS
from workspace import ROOT

EMPTY = f"Before\n{accuracy.PART.begin}\n{accuracy.PART.end}\n"
LAYER = {"name": "output", "neurons": 10, "rate": 0.25, "dead": 1, "saturated": 0, "synops": 30.0, "macs": 0.0}


def made_up(task, seed, share, seconds):
    return {
        "task": task,
        "title": "numbers",
        "command": f"snn demo --task {task} --seed {seed} --epochs 2",
        "test_accuracy": share,
        "train_accuracy": 1.0,
        "test_silent": 0.0,
        "samples": {"train": 8, "test": 4},
        "seconds": {"training": seconds, "all": seconds + 1},
        "versions": {"python": "3", "torch": "2", "snn": "1"},
        "manifest": {"threads": 1, "weights_sha256": f"{seed}" * 64},
        "layers": [LAYER | {"dense": 120.0}, LAYER | {"synops": 0.0, "dense": 0.0}],
    }


@pytest.fixture
def results():
    runs = {
        "digits": {str(seed): made_up("digits", seed, share, 5.0) for seed, share in ((0, 1.0), (1, 0.98))},
        "mnist": {"0": made_up("mnist", 0, 0.96, 400.0)},
        "vowels": {},
    }
    machine = {"processor": "one", "instructions": "none", "cores": 1, "system": "none"}
    return {"runs": runs, "machine": machine, "command": "nox -s bench -- --accuracy", "date": "2000-01-01"}


def test_the_table_says_mean_worst_and_what_is_reached_and_missed(results):
    first = next(tables.every(results))
    digits, mnist = (dict(zip(first.head, row, strict=True)) for row in first.rows)
    assert [row[5:7] for row in first.rows] == [["98.00 %", "98.50 %, reached"], ["96.00 %", "97.00 %, missed"]]
    assert [row[7:] for row in first.rows] == [["6", "10, reached"], ["401", "300, missed"]]
    assert (digits["mean"], digits["seeds"], digits["samples"]) == ("99.00 %", "2", "8 + 4")
    assert (mnist["mean"], mnist["network"]) == ("96.00 %", "10 – 10")


def test_the_layers_say_what_share_of_the_dense_operations_they_took(results):
    layers = next(table for table in tables.every(results) if table.title == "Layers")
    assert layers.rows[0][-2:] == ["30", "25.00 % of the dense 120"]
    assert layers.rows[1][-2:] == ["0", ""]


def test_every_seed_has_its_command_and_its_weights(results):
    seeds = next(table for table in tables.every(results) if table.title == "Seed by seed")
    assert [row[-1] for row in seeds.rows] == ["0" * 16, "1" * 16, "0" * 16]
    assert seeds.rows[1][0] == "`snn demo --task digits --seed 1 --epochs 2`"


def test_the_page_holds_every_table_and_the_command(results):
    text = accuracy.page(EMPTY, results)
    assert text.startswith("Before\n")
    assert all(f"## {table.title}" in text for table in tables.every(results))
    assert "| `nox -s bench -- --accuracy`" in text


def test_the_published_page_has_all_seeds_of_all_tasks():
    text = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    for task in TASKS:
        assert text.count(f"`snn demo --task {task} --seed ") == 5
    assert "missed" not in text
    assert accuracy.PART.part(text).startswith(f"{accuracy.PART.begin}\n\n## Accuracy on the test part\n")


def test_the_tasks_are_those_of_the_command():
    assert set(accuracy.TASKS) == set(TASKS) == set(tables.TARGETS)


@pytest.mark.exhaustive
def test_a_small_run_writes_json_and_page(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.md").write_text(EMPTY, encoding="utf-8")
    words = ["--accuracy", "digits", "--epochs", "1", "--seeds", "3", "--page", "page.md"]
    program.main(words)
    report = json.loads((tmp_path / "dist" / "bench-accuracy.json").read_text(encoding="utf-8"))
    assert list(report["runs"]["digits"]) == ["3"]
    assert report["command"] == "nox -s bench -- --accuracy digits --epochs 1 --seeds 3 --page page.md"
    assert 0 < report["runs"]["digits"]["3"]["test_accuracy"] <= 1
    assert "`snn demo --task digits --seed 3 --epochs 1`" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "digits: handwritten digits" in capsys.readouterr().out


def test_the_named_tasks_are_trained_with_every_seed_in_order(tmp_path, monkeypatch):
    file = tmp_path / "new.json"
    monkeypatch.setattr(accuracy, "trained", lambda task, seed, epochs, threads: made_up(task, seed, 0.5, 1.0))
    accuracy.main(report.session(["vowels", "mnist", "--seeds", "3", "0", "--out", str(file)]))
    runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
    assert {name: [*of] for name, of in runs.items()} == {"digits": [], "mnist": ["0", "3"], "vowels": ["0", "3"]}


def test_a_page_is_written_again_from_the_figures_that_are_there(tmp_path, results):
    files = tmp_path / "found.json", tmp_path / "page.md"
    files[0].write_text(json.dumps(results), encoding="utf-8")
    files[1].write_text(EMPTY, encoding="utf-8")
    accuracy.main(report.session(["--again", "--out", str(files[0]), "--page", str(files[1])]))
    assert files[1].read_text(encoding="utf-8") == accuracy.page(EMPTY, results)
    assert json.loads(files[0].read_text(encoding="utf-8")) == results


def test_a_run_that_fails_says_what_it_said():
    with pytest.raises(RuntimeError, match=r"(?s)ended with code 2: .*a whole number from 1 to 10000, got '0'"):
        accuracy.trained("digits", 0, epochs=0, threads=1)


def test_an_unknown_task_is_named(capsys):
    with pytest.raises(SystemExit):
        accuracy.main(report.session(["chess"]))
    assert "no task chess: choose from digits, mnist, vowels" in capsys.readouterr().err
