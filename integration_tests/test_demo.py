"""The demonstration, from the command to its report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import metadata

import pytest
import torch

from snn.cli import main
from snn.demo.run import run
from snn.demo.settings import Settings
from snn.demo.training import evaluate, train
from snn_data import digits

QUICK = Settings(epochs=2, hidden=50)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return run(QUICK, folder), folder


class Links(HTMLParser):
    """Everything that a page would load or lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.pictures = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "link", "iframe")
        self.pictures += tag == "img"
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset")]


def test_the_default_settings_read_at_least_97_and_a_half_percent_of_the_test_digits(tmp_path):
    result = run(Settings(), tmp_path)
    assert result["test_accuracy"] >= 0.975
    assert result["samples"] == {"train": 1438, "test": 359}


def test_the_same_seed_gives_the_same_result_whatever_ran_before(finished, tmp_path):
    torch.manual_seed(5)
    torch.rand(3)
    again = run(QUICK, tmp_path)
    for name in ("test_accuracy", "train_accuracy", "history", "confusion"):
        assert again[name] == finished[0][name]


def test_another_seed_gives_another_run_on_the_same_split(finished, tmp_path):
    other = run(Settings(seed=1, epochs=2, hidden=50), tmp_path)
    assert other["history"] != finished[0]["history"]
    assert other["settings"]["split_seed"] == finished[0]["settings"]["split_seed"] == 0
    of_each = digits().test.targets.bincount().tolist()
    for result in (other, finished[0]):  # a digit without an answer is in no cell
        assert all(0 < sum(row) <= most for row, most in zip(result["confusion"], of_each, strict=True))


def test_a_run_leaves_the_global_generator_and_the_threads_as_they_were(tmp_path):
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    run(Settings(epochs=1, hidden=7), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_the_numbers_agree_with_each_other(finished):
    result, folder = finished
    confusion = torch.tensor(result["confusion"])
    answered = round(359 * (1 - result["test_silent"]))
    assert confusion.sum() == answered
    assert confusion.trace() / 359 == pytest.approx(result["test_accuracy"])
    assert len(result["history"]["loss"]) == len(result["history"]["accuracy"]) == 2
    assert json.loads((folder / "result.json").read_text(encoding="utf-8")) == result


def test_versions_are_those_of_everything_that_is_used(finished):
    versions = finished[0]["versions"]
    for name in ("snn", "snn-core", "snn-data", "snn-functional", "snn-plot", "torch", "scikit-learn", "matplotlib"):
        assert versions[name] == metadata.version(name)


def test_the_report_is_one_file_with_all_pictures_inside(finished):
    page = (finished[1] / "report.html").read_text(encoding="utf-8")
    links = Links(page)
    assert links.pictures == 4
    assert all(link.startswith("data:image/png;base64,") for link in links.found)
    assert not re.search(r"https?://|@import|url\(", page)
    assert "$" not in page  # every placeholder is filled


def test_the_report_says_how_it_went_and_with_what(finished):
    result, folder = finished
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert f"{100 * result['test_accuracy']:.2f} %" in page
    assert "snn demo --seed 0 --epochs 2" in page
    assert f"<tr><th>torch</th><td>{metadata.version('torch')}</td></tr>" in page
    assert "<tr><th>split seed</th><td>0</td></tr>" in page


def test_the_command_prints_json_alone_on_standard_output(tmp_path):
    command = [sys.executable, "-m", "snn", "demo", "--epochs", "1", "--seed", "3", "--json", "--out", "here/there"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    result = json.loads(done.stdout)
    assert result["settings"]["seed"] == 3
    assert (tmp_path / result["report"]).is_file()
    assert "1/1" in done.stderr


@pytest.mark.parametrize("tunable", [True, False])
def test_the_command_has_its_process_keep_freed_memory_where_that_can_be_done(monkeypatch, tunable, capsys):
    done = []
    monkeypatch.setattr("snn_cpu.allocator.is_tunable", lambda: tunable)
    monkeypatch.setattr("snn_cpu.allocator.tune_allocator", lambda: done.append("tuned"))
    monkeypatch.setattr("snn.demo.run.run", lambda settings, folder: done.append("run") or {})
    assert main(["demo", "--json"]) == 0
    assert done == (["tuned", "run"] if tunable else ["run"])
    assert json.loads(capsys.readouterr().out) == {}


def test_a_folder_that_cannot_be_made_is_an_error_before_the_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("snn_cpu.allocator.is_tunable", lambda: False)  # this process is not the demonstration's
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    assert main(["demo", "--out", str(tmp_path / "taken")]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("snn demo: ")
    assert "taken" in shown
    assert "training" not in shown


def test_a_silent_network_answers_nothing_and_is_right_nowhere():
    part = digits().train
    net, _ = train(Settings(epochs=1, hidden=7), part.data[:64], part.targets[:64], lambda *_: None)
    with torch.no_grad():
        net.to_output.weight.zero_()
        net.to_output.bias.fill_(-1)
    found = evaluate(net, part.data[:7], part.targets[:7], QUICK)
    assert (found.accuracy, found.silent) == (0, 1)
    assert sum(map(sum, found.confusion)) == 0
