"""Tests of whether a run of the demonstration wrote a file."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict

import pytest

from snn.demo.run_file import InvalidRun, read_run
from snn.demo.settings import settings_of

LAYER = {
    "name": "output",
    "neurons": 2,
    "rate": 0.25,
    "dead": 1,
    "saturated": 0,
    "synops": 12.5,
    "macs": 0.0,
    "dense": 20.0,
    "rates": [0.5, 0.0],
}
RUN = {
    "task": "digits",
    "title": "digits",
    "command": "snn demo --task digits --seed 7 --epochs 2",
    "test_accuracy": 0.5,
    "train_accuracy": 0.75,
    "test_silent": 0.25,
    "samples": {"train": 8, "test": 4},
    "seconds": {"training": 1.5, "all": 2},
    "settings": asdict(settings_of("digits")(seed=7, epochs=2)),
    "versions": {"torch": "2.13.0"},
    "manifest": {
        "seed": 7,
        "data_sha256": "0" * 64,
        "threads": 1,
        "cpu": "a processor",
        "platform": "Linux",
        "kernels": ["output: reference"],
        "weights_sha256": "a" * 64,
    },
    "history": {"loss": [1.5, float("nan")], "accuracy": [0.25, 1]},
    "classes": ["0", "1"],
    "confusion": [[2, 0], [1, 0]],
    "layers": [LAYER],
    "report": "snn-demo/report.html",
}


def run_file(run, folder):
    file = folder / "run.json"
    file.write_text(json.dumps(run), encoding="utf-8")
    return file


def changed_run(path, value):
    """The run with one field set, or left out where the value is ..."""
    run = copy.deepcopy(RUN)
    *outer, last = path
    place = run
    for name in outer:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return run


def test_a_run_is_read_as_it_was_written(tmp_path):
    run = read_run(run_file(RUN, tmp_path))
    assert json.dumps(run) == json.dumps(RUN)


FIELDS = [(name,) for name in RUN] + [
    (outer, name) for outer in ("samples", "seconds", "settings", "manifest", "history") for name in RUN[outer]
]
FIELDS += [("layers", 0, name) for name in LAYER]


@pytest.mark.parametrize("path", FIELDS, ids=lambda path: ".".join(map(str, path)))
def test_every_field_has_to_be_there(path, tmp_path):
    with pytest.raises(InvalidRun, match=f"has no field '{path[-1]}'"):
        read_run(run_file(changed_run(path, ...), tmp_path))


@pytest.mark.parametrize("path", FIELDS, ids=lambda path: ".".join(map(str, path)))
def test_no_field_may_be_nothing(path, tmp_path):
    with pytest.raises(InvalidRun, match=str(path[-1])):
        read_run(run_file(changed_run(path, None), tmp_path))


@pytest.mark.parametrize("outer", [(), ("samples",), ("settings",), ("manifest",), ("history",), ("layers", 0)])
def test_a_field_that_no_run_writes_is_named(outer, tmp_path):
    with pytest.raises(InvalidRun, match="has a field 'extra' that no run writes"):
        read_run(run_file(changed_run((*outer, "extra"), 1), tmp_path))


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("task",), "chess", "task: there is no task 'chess'; choose one of digits, mnist, vowels"),
        (("test_accuracy",), 1.5, r"test_accuracy is 1.5; a run writes a number in \[0, 1\]"),
        (("test_accuracy",), True, "test_accuracy is True"),
        (("test_accuracy",), 0.75, "test_accuracy does not fit confusion and samples.test: 3 instead of 2"),
        (("test_silent",), 0.5, "test_silent does not fit confusion and samples.test: 2 instead of 1"),
        (("confusion",), [[2, 0]], "the sizes of classes and confusion"),
        (("confusion", 0, 0), -1, r"confusion\[0\]\[0\] is -1; a run writes a whole number of at least 0"),
        (("history", "loss"), [1.0], "the length of history.loss does not fit settings.epochs: 1 instead of 2"),
        (("history", "accuracy"), [1.0], "the length of history.accuracy does not fit settings.epochs: 1 instead of 2"),
        (("history", "loss", 0), "1.5", r"history.loss\[0\] is '1.5'; a run writes a number"),
        (("history", "accuracy", 1), float("nan"), r"history.accuracy\[1\] is nan"),
        (("settings", "epochs"), 0, "settings: the setting epochs is 0"),
        (("settings", "beta"), 1, "settings: the setting beta is 1; pass one of type float"),
        (("manifest", "seed"), 8, "manifest.seed does not fit settings.seed: 8 instead of 7"),
        (("manifest", "threads"), 0, "manifest.threads is 0; a run writes a whole number from 1 to 1024"),
        (("manifest", "threads"), 99999, "manifest.threads is 99999; a run writes a whole number from 1 to 1024"),
        (("manifest", "seed"), 10**400, "manifest.seed is 1000.* a run writes a whole number of at least 0, below 2"),
        (("settings", "epochs"), 10**400, r"settings\['epochs'\] is 1000"),
        (("manifest", "weights_sha256"), "A" * 64, "manifest.weights_sha256 is .* a run writes 64 hexadecimal digits"),
        (("manifest", "data_sha256"), "0" * 63, "manifest.data_sha256 is"),
        (("seconds", "all"), float("inf"), "seconds.all is inf; a run writes a finite number of at least 0"),
        (("versions", "torch"), 2.13, r"versions\['torch'\] is 2.13; a run writes a string"),
        (("layers", 0, "rates"), [0.5], r"the length of layers\[0\].rates does not fit its neurons: 1 instead of 2"),
        (("layers", 0), [], r"layers\[0\] is \[\]; a run writes an object"),
        (("layers",), {}, "layers is {}; a run writes a list"),
    ],
)
def test_values_that_no_run_can_have_written_are_named(path, value, complaint, tmp_path):
    with pytest.raises(InvalidRun, match=complaint):
        read_run(run_file(changed_run(path, value), tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "3", "not json", "[" * 10**5])
def test_a_file_of_another_kind_is_refused(text, tmp_path):
    file = tmp_path / "run.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRun, match=r"is not JSON|the run is"):
        read_run(file)


def test_bytes_that_are_not_text_are_refused(tmp_path):
    file = tmp_path / "run.json"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidRun, match=r"run.json is not JSON"):
        read_run(file)


def test_a_missing_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_run(tmp_path / "run.json")


def test_it_is_a_value_error():
    assert issubclass(InvalidRun, ValueError)
