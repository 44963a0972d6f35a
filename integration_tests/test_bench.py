"""The benchmark: its arithmetic, what it does with a peer that fails, and one small run from end to end."""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
from typing import Any, ClassVar

import numpy as np
import pytest

from bench import __main__ as program
from bench import data, layers, limits, measure, report, tables
from bench.measure import Bench
from bench.peers.registry import ENVIRONMENTS, LAST, LAST_STEPS, PEERS
from bench.process import Plan, Process
from bench.worker import Worker
from bench.workloads import WORKLOADS, scaled
from workspace import ROOT


def test_quartiles_are_those_of_numpy_and_of_ratios_within_a_round():
    values = [7.0, 3.0, 5.0, 11.0, 2.0, 9.0]
    np.testing.assert_allclose(tables.quartiles(values), np.quantile(values, [0.25, 0.5, 0.75]))
    assert tables.quartiles([4.0]) == (4.0, 4.0, 4.0)
    # a machine that is twice as slow in one round is so for both
    assert tables.ratios([1.0, 2.0, 1.0, 1.0], [5.0, 10.0, 5.0, 5.0]) == (5.0, 5.0, 5.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [(lambda: tables.quartiles([]), "at least one round"), (lambda: tables.ratios([1.0, 2.0], [1.0]), "zip")],
)
def test_no_rounds_or_unequal_numbers_of_them_are_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_exponent_of_a_power_is_that_power(power: float):
    sizes = [10, 100, 1000, 10000]
    assert tables.exponent(sizes, [0.3 * size**power for size in sizes]) == pytest.approx(power, abs=1e-12)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (limits.Work("neurons", "forward", moved=4 * 10**9, operations=0, held=10**6), 0.1),
        (limits.Work("neurons", "forward", moved=4 * 10**9, operations=0, held=10**9), 0.8),
        (limits.Work("matrix products", "forward", moved=4 * 10**9, operations=10**12, held=10**9), 10.0),
    ],
    ids=["within the cache", "beyond the cache", "arithmetic takes longer"],
)
def test_the_floor_is_bytes_over_bandwidth_or_operations_over_speed(work: limits.Work, expected: float):
    result = {"copy_8_mib": 40.0, "copy_256_mib": 5.0, "product": 100.0}
    assert limits.floor_seconds(work, result) == pytest.approx(expected)


def results(differing: int, factor: float = 1.0) -> measure.Result:
    spk = np.zeros((100, 5, 7), dtype=bool)
    spk.reshape(-1)[:differing] = True
    return spk, factor * np.arange(21.0).reshape(3, 7)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (results(3), None),
        (results(4), "0.114 % of its spikes"),
        (results(0, 1.04), None),
        (results(0, 1.06), "gradient differs by 6 %"),
        (results(0, np.nan), "gradient differs by nan %"),
        ((np.zeros((99, 5, 7), dtype=bool), np.zeros((3, 7))), r"shape \[99, 5, 7\], not \[100, 5, 7\]"),
    ],
)
def test_a_peer_that_computes_something_else_is_not_timed(result: measure.Result, reason: str | None):
    answer = measure.compared(result, results(0))
    assert ("reason" in answer) == (reason is not None)
    if reason is not None:
        with pytest.raises(AssertionError, match=f"not timed: .*{reason}"):
            raise AssertionError(answer["reason"])


def test_spikes_that_come_later_are_shifted_back():
    spk = np.random.default_rng(0).random((10, 3, 5)) < 0.3
    later = np.concatenate([np.zeros((2, 3, 5), dtype=bool), spk[:-2]])
    answer = measure.compared((later, np.ones(1)), (spk, np.zeros(1)), late=2, gradients_differ="another surrogate")
    assert answer == {"spikes": 0.0, "gradient": "another surrogate"}


def test_the_same_seed_draws_the_same_arrays_and_a_file_keeps_them(tmp_path):
    arrays = data.arrays(WORKLOADS["W4"])
    data.save(tmp_path / "W4", arrays)
    again = data.load(tmp_path / "W4")
    assert again.keys() == arrays.keys() == {"xs", "upstream", "w0", "w1", "w2"}
    assert all(np.array_equal(again[name], array) for name, array in data.arrays(WORKLOADS["W4"]).items())


def test_every_peer_has_an_environment_and_a_module():
    for peer in PEERS.values():
        assert peer.environment in {"", LAST, *ENVIRONMENTS}
        assert (ROOT / "tools" / "bench" / "peers" / f"{peer.module}.py").exists()


def test_a_worker_needs_no_torch_of_a_library_without_it():
    code = "import sys; sys.modules['torch'] = None; import bench.worker"
    worker = [sys.executable, "-c", code]
    done = subprocess.run(worker, cwd=ROOT / "tools", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_worker_that_ends_or_hangs_is_a_reason():
    with Process("torch", sys.executable, threads=1, patience=0.01) as process:
        assert process.ask("hello") == {"reason": "took longer than 0.01 s"}
    with Process("nobody", sys.executable, threads=1) as process:
        reason = process.ask("hello")["reason"]
    assert reason.startswith("ended with exit status 2: ")
    assert "invalid choice: 'nobody'" in reason


def test_a_workload_that_is_not_there_is_refused_with_those_that_are(capsys):
    with pytest.raises(SystemExit):
        program.main(["W9"])
    assert "no workload W9: choose from W1a, W1b" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "command"),
    [([], "nox -s bench"), (["W2", "--peers", "torch"], "nox -s bench -- W2 --peers torch")],
)
def test_the_command_is_what_was_typed_without_what_the_session_adds(typed: list[str], command: str):
    session = report.session(["--python", "norse=/n/python", "--absent", "spyx=no wheel", *typed])
    assert session.words == typed
    assert session.command == command
    assert session.python == {"norse": "/n/python", "": sys.executable}
    assert session.absent == {"spyx": "no wheel"}


@pytest.mark.parametrize(
    ("typed", "names", "rounds"),
    [([], ["a", "b", "c"], 7), (["--quick"], ["b"], 2), (["c", "--quick", "--rounds", "3"], ["c"], 3)],
)
def test_a_quick_run_measures_a_part_in_two_rounds_but_for_what_is_named(typed, names, rounds):
    options = report.parse(report.parser("", "letter", "abc", "out.json", ["b"], rounds=7), typed)
    assert (options.names, options.rounds) == (names, rounds)


@pytest.mark.parametrize(
    "words", ["--rounds 0", "--threads -1", "--programs --batch 0", "--latency --steps 0", "--windows --rounds 0"]
)
def test_a_number_below_one_is_refused(words: str, capsys):
    with pytest.raises(SystemExit):
        program.main(words.split())
    assert f"argument {words.split()[-2]}: {words.split()[-1]} is not at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", {"", LAST, *ENVIRONMENTS}),
        ("W2 --peers torch snn-last", {"", LAST}),
        ("--programs --peers norse", {"norse"}),
        ("--functions rate", {"", "snntorch"}),
        ("--latency --steps 200", {""}),
        ("--scaling", {""}),
        ("--windows --rounds 3", {""}),
        ("--accuracy digits", {""}),
        ("--again", {""}),
    ],
)
def test_a_benchmark_has_the_environments_that_it_runs_in(words: str, names: set[str]):
    assert report.environments(words.split()) == names


def test_a_library_that_has_one_neuron_refuses_the_others():
    worker = Worker("norse", threads=1)
    with pytest.raises(NotImplementedError, match="no neuron with these equations"):
        worker.prepare(dataclasses.asdict(WORKLOADS["W1a-alpha"]), "nowhere")


@pytest.fixture(scope="module")
def figures() -> dict:
    """A run of a few layers too small to time, with a peer that is not there."""
    plan = Plan(rounds=3, seconds=0.0, threads=1, sizes=(2, 5))
    small = [
        dataclasses.replace(scaled(7, 3, 5), name="neurons", infer=True, memory=False),
        dataclasses.replace(WORKLOADS["W2"], name="linear", steps=7, batch=3, memory=True),
        dataclasses.replace(WORKLOADS["W3"], name="conv", steps=3, batch=2, memory=False),
        dataclasses.replace(WORKLOADS["W4"], name="recurrent", steps=7, batch=3, memory=False),
    ]
    absent = {"norse": "uv could not install norse"}
    pythons = dict.fromkeys(("", LAST), sys.executable)  # this tree stands for its last release too
    only = [LAST, "snn-steps", LAST_STEPS, "norse", "sinabs"]
    with Bench(pythons, absent, plan, only) as bench:
        results = {
            "command": "nox -s bench -- tiny",
            "machine": {"processor": "one", "instructions": "none", "cores": 1, "threads": 1, "memory_gb": 1}
            | {"system": "none", "limits": bench.limits()},
            "peers": bench.peers,
            "rounds": plan.rounds,
            "workloads": {workload.name: bench.workload(workload) for workload in small},
            "scaling": [bench.scaling("T")],
            "date": "2000-01-01",
        }
    return json.loads(json.dumps(results))


@pytest.mark.exhaustive
def test_ours_and_the_plain_loop_agree_and_are_timed_forward_and_backward(figures: dict):
    for name, workload in figures["workloads"].items():
        assert workload["peers"].keys() == {"snn", "snn-steps", LAST, LAST_STEPS, "torch"}
        for answer in workload["peers"].values():
            assert "reason" not in answer, name
            assert answer["spikes"] == 0.0
            assert answer["gradient"] < 1e-5
            assert answer["train"].keys() == {"forward", "backward"}
            assert all(len(times) == 3 and min(times) > 0 for times in answer["train"].values())


@pytest.mark.exhaustive
def test_every_workload_is_compared_with_the_last_release_round_by_round(figures: dict):
    for name, workload in figures["workloads"].items():
        infer = {"infer"} if name == "neurons" else set()
        assert workload["beside_last"].keys() == {"forward", "backward", "train", "steps"} | infer
        own, last = (workload["peers"][peer]["train"]["backward"] for peer in ("snn", LAST))
        rounds = [now / before for now, before in zip(own, last, strict=True)]
        np.testing.assert_allclose(workload["beside_last"]["backward"], np.quantile(rounds, [0.25, 0.5, 0.75]))


class Slower:
    """A process that takes longer than the one before it, the last release three times as long, and twice at first."""

    started: ClassVar[list[str]] = []

    def __init__(self, peer: str, python: str, threads: int, module: str) -> None:
        self.started.append(peer)
        self.seconds = len(self.started) * (3 if peer == LAST else 1)
        self.cold = 2

    def __enter__(self) -> Slower:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, do: str, **_: Any) -> dict[str, Any]:
        if do == "train":
            seconds, self.cold = self.cold * self.seconds, 1
            return {"forward": seconds, "backward": 2 * seconds}
        return {}


def test_the_last_release_is_compared_in_new_processes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measure, "Process", Slower)
    plan = Plan(rounds=1, seconds=0.0, threads=1, memory=False, anew=3)
    answers = {name: {"train": {"forward": [1.0], "backward": [1.0]}} for name in ("snn", LAST)}
    bench = Bench({"": "python", LAST: "python"}, {}, plan, [LAST])
    bench._time_anew(WORKLOADS["W2"], {}, answers)
    assert Slower.started == [LAST, "snn", "snn", LAST, LAST, "snn"]
    assert answers["snn"]["anew"]["train"] == {"forward": [2, 3, 6], "backward": [4, 6, 12]}
    assert answers[LAST]["anew"]["train"] == {"forward": [3, 12, 15], "backward": [6, 24, 30]}
    np.testing.assert_allclose(
        layers.beside_last(answers)["train"], np.quantile([2 / 3, 3 / 12, 6 / 15], [0.25, 0.5, 0.75])
    )


@pytest.mark.exhaustive
def test_inference_is_timed_where_it_is_asked_for(figures: dict):
    timed = {name for name, workload in figures["workloads"].items() if "infer" in workload["peers"]["snn"]}
    assert timed == {"neurons"}


@pytest.mark.exhaustive
def test_memory_is_measured_where_it_is_asked_for(figures: dict):
    measured = {name for name, workload in figures["workloads"].items() if "train_memory" in workload["peers"]["snn"]}
    assert measured == {"linear"}
    # the weights' gradient is 1 MiB, of which the system may not have counted the last pages yet
    assert all(
        0.9 < peer["train_memory"]["megabytes"] < 50 for peer in figures["workloads"]["linear"]["peers"].values()
    )


@pytest.mark.exhaustive
def test_the_work_of_layers_follows_from_their_shapes(figures: dict):
    def work(name: str) -> dict[tuple[str, str], tuple[int, int]]:
        results = figures["workloads"][name]["stages"]["work"]
        return {(entry["stage"], entry["direction"]): (entry["moved"], entry["operations"]) for entry in results}

    neurons = 7 * 3 * 5 * 4
    assert work("neurons") == {
        ("neurons", "forward"): (2 * neurons, 0),
        ("neurons", "backward"): (3 * neurons, 0),
        ("neurons", "inference"): (2 * neurons, 0),
    }
    # the first product has no gradient of its input
    product = 2 * 7 * 3 * 512 * 512
    assert work("linear")["matrix products", "forward"][1] == product
    assert work("linear")["matrix products", "backward"][1] == product
    products = [2 * 7 * 3 * a * b for a, b in ((700, 256), (256, 256), (256, 20))]
    assert work("recurrent")["matrix products", "forward"][1] == sum(products)
    assert work("recurrent")["matrix products", "backward"][1] == products[0] + 2 * sum(products[1:])
    assert work("conv")["pooling", "forward"][0] == 4 * 3 * 2 * (8 * (24**2 + 12**2) + 16 * (8**2 + 4**2))


@pytest.mark.exhaustive
def test_the_profile_finds_the_time_of_every_kind_of_layer(figures: dict):
    spent = figures["workloads"]["conv"]["stages"]["spent"]
    for stage in ("convolutions", "pooling", "matrix products"):
        assert spent[stage]["forward"] > 0
        assert spent[stage]["backward"] > 0


@pytest.mark.exhaustive
def test_the_scaling_has_a_time_for_every_size(figures: dict):
    (row,) = figures["scaling"]
    assert row["sizes"] == [2, 5]
    assert {name: len(seconds) for name, seconds in row["seconds"].items()} == {"snn": 2, "torch": 2}


@pytest.mark.exhaustive
def test_the_page_shows_every_table_and_why_a_peer_is_missing(figures: dict):
    text = layers.page(figures)
    for table in layers.every(figures):
        assert f"## {table.title}\n" in text
        assert all(len(row) == len(table.head) for row in table.rows)
    assert "- Norse: uv could not install norse\n" in text
    assert "- Sinabs: no environment for it\n" in text
    assert "`nox -s bench -- tiny`" in text
    assert "All figures are from one machine: one, 1 cores, of which each library used 1." in text


@pytest.mark.exhaustive
def test_a_ratio_in_a_table_is_that_of_the_times(figures: dict):
    figures = copy.deepcopy(figures)
    figures["workloads"]["neurons"]["peers"]["snn"]["train"] = {"forward": [0.001] * 3, "backward": [0.003] * 3}
    figures["workloads"]["neurons"]["peers"]["torch"]["train"] = {"forward": [0.01] * 3, "backward": [0.04] * 3}
    first = next(layers.every(figures))
    row = dict(zip(first.head, first.rows[0], strict=True))
    assert row["snn, ms"] == "4 (4–4)"
    assert row["plain PyTorch loop"] == "12.5× (12.5–12.5)"


@pytest.mark.exhaustive
def test_workloads_slower_by_more_than_the_quartiles_are_named(figures: dict):
    figures = copy.deepcopy(figures)
    for workload in figures["workloads"].values():
        workload["beside_last"] = {"forward": (0.8, 0.9, 1.0), "train": (0.9, 1.1, 1.2)}
    figures["workloads"]["conv"]["beside_last"]["backward"] = (1.01, 1.25, 1.5)
    (table,) = (table for table in layers.every(figures) if "last release:" in table.title)
    assert table.notes == ["slower, by more than the quartiles: conv backward"]
    (row,) = (row for row in table.rows if row[0] == "conv")
    assert row[1:] == ["0.9× (0.8–1)", "1.25× (1.01–1.5)", "1.1× (0.9–1.2)", "–", "–"]


def test_without_a_last_release_nothing_is_compared():
    times = {"train": {"forward": [1.0], "backward": [1.0]}}
    assert layers.beside_last({"snn": times}) == {}
    assert layers.beside_last({"snn": times, LAST: {"reason": "not timed"}}) == {}
