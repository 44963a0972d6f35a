"""Tests that a recorded run of the demonstration repeats."""

from __future__ import annotations

import copy
import json

import pytest

import snn_data
from snn.cli import main
from snn.demo.run import run
from snn.demo.run_file import read_run
from snn.demo.settings import settings_of
from snn.demo.task import Task
from snn.demo.verification import differences, verify
from snn_data import LabelledTensors


@pytest.fixture(autouse=True)
def own_allocator(monkeypatch):
    monkeypatch.setattr("snn_cpu.allocator.is_tunable", lambda: False)  # this process is not the demonstration's


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return what a run on few digits wrote; later runs see the same few."""
    parts = [LabelledTensors(part.data[:90], part.targets[:90]) for part in snn_data.digits()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snn_data, "digits", lambda test_share, split_seed: parts)
        folder = tmp_path_factory.mktemp("demo")
        run(Task("digits", settings_of("digits")(epochs=2, hidden=20)), folder)
        yield folder / "run.json"


def changed(file, folder, change):
    recorded = read_run(file)
    change(recorded)
    target = folder / "run.json"
    target.write_text(json.dumps(recorded), encoding="utf-8")
    return target


def test_a_run_repeats_bit_for_bit(file, capsys):
    assert main(["demo", "--verify", str(file)]) == 0
    output = capsys.readouterr()
    assert output.out == "the run repeats bit for bit: history, accuracies, confusion, activity and weights\n"
    assert "2/2" in output.err


def test_one_changed_float_is_found_and_is_all_that_is_found(file, tmp_path, capsys):
    def change(recorded):
        recorded["history"]["loss"][1] += 2**-40

    assert main(["demo", "--verify", str(changed(file, tmp_path, change))]) == 1
    head, line = capsys.readouterr().out.splitlines()
    assert head == "the repeated run differs:"
    assert line.startswith("  history.loss: 1 of 2 differ, first [1]: recorded ")


def test_changed_weights_are_found(file):
    recorded = read_run(file)
    recorded["manifest"]["weights_sha256"] = "0" * 64
    differences = verify(recorded)
    assert differences.environment == []
    assert [line.split(":")[0] for line in differences.numbers] == ["weights_sha256"]


def test_another_seed_is_another_run(file):
    recorded = read_run(file)
    recorded["settings"]["seed"] = recorded["manifest"]["seed"] = 1
    names = {line.split(":")[0] for line in verify(recorded).numbers}
    assert {"history.loss", "history.accuracy", "train_accuracy", "weights_sha256"} <= names
    assert "layers[1].rates" in names


def test_differences_of_the_machine_are_reported_before_the_training(file, tmp_path, capsys):
    def change(recorded):
        recorded["manifest"] |= {"cpu": "an abacus", "data_sha256": "0" * 64}
        recorded["versions"] |= {"torch": "0.1", "gone": "3"}
        del recorded["versions"]["snn-core"]

    target = changed(file, tmp_path, change)
    messages = []
    differences = verify(read_run(target), lambda lines: messages.append((lines, capsys.readouterr().err)))
    ((lines, before),) = messages
    assert before == ""  # no progress yet
    assert lines == differences.environment
    assert [line.split(":")[0] for line in lines] == [
        *("data_sha256", "cpu", "versions.torch", "versions.gone", "versions.snn-core")
    ]
    assert differences.numbers == []
    assert main(["demo", "--verify", str(target)]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "the environment differs, so equal numbers are not guaranteed:"
    assert rest[1].startswith("  cpu: recorded 'an abacus', now ")
    assert "  versions.gone: recorded '3', now None" in rest
    assert rest[-1].startswith("the run repeats bit for bit")


def test_json_says_what_differs_and_nothing_else(file, tmp_path, capsys):
    def change(recorded):
        recorded["train_accuracy"] = 0.125
        recorded["manifest"]["platform"] = "another"

    assert main(["demo", "--json", "--verify", str(changed(file, tmp_path, change))]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["equal"] is False
    assert [line.split(":")[0] for line in report["environment"]] == ["platform"]
    assert [line.split(":")[0] for line in report["numbers"]] == ["train_accuracy"]


def test_a_forged_file_is_refused_before_anything_runs(file, tmp_path, capsys):
    def change(recorded):
        recorded["test_accuracy"] = 1.0

    assert main(["demo", "--verify", str(changed(file, tmp_path, change))]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("snn demo: test_accuracy does not fit confusion and samples.test: 90 instead of ")


def test_equal_things_do_not_differ():
    nan = float("nan")
    report = {"a": [1, nan, 0.5], "b": [{"c": [[1, 2], [3, 4]]}, {"c": [[5, 6]]}], "d": "text", "e": nan}
    assert list(differences("x", report, copy.deepcopy(report))) == []


@pytest.mark.parametrize(
    ("recorded", "expected", "lines"),
    [
        (0.1 + 0.2, 0.3, ["x: recorded 0.30000000000000004, now 0.3"]),
        ({"a": 1}, {"b": 1}, ["x.a: recorded 1, now None", "x.b: recorded None, now 1"]),
        ([1, 2], [1, 2, 3], ["x: recorded [1, 2], now [1, 2, 3]"]),
        ([[1, 2], "a"], [[1, 0], "a"], ["x[0]: 1 of 2 differ, first [1]: recorded 2, now 0"]),
        (["a", "b"], ["a", "c"], ["x[1]: recorded 'b', now 'c'"]),
        ([], [1], ["x: recorded [], now [1]"]),
        (float("nan"), 1.0, ["x: recorded nan, now 1.0"]),
    ],
)
def test_each_difference_is_a_line(recorded, expected, lines):
    assert list(differences("x", recorded, expected)) == lines
