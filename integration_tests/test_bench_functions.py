"""The benchmark of single functions: what it holds, what it says of a difference, and a small run from end to end."""

from __future__ import annotations

import collections
import contextlib
import inspect
import json
import sys

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

import snn_data
import snn_functional
import snn_spikegen
from bench import __main__ as program
from bench.functions import measure
from bench.functions.cases import CASES, LIBRARIES, Draw, imported
from bench.functions.worker import Worker
from bench.process import Plan
from bench.tables import NOTHING

# What snnTorch does not have.
OWN = {
    *("neurobench", "tet_loss"),
    *("poisson", "phase", "burst", "population", "decode_rate", "decode_latency"),
    *("RTRL", "EPropLayer", "RTRLLayer", "RandomFeedbackLinear"),
    *("weight_quant", "fixed_point", "integer", "IntegerNet", "BaseMonitor"),
    *("firing_rate", "sparsity", "dead_neurons", "saturated_neurons", "synops", "SynopsMonitor", "SynopsCount"),
    *("SynapticOperations", "synops_energy", "CostModel"),
    *("diagnose", "Diagnosis", "Finding", "Limits", "summary", "energy", "fit", "from_ann", "QCFS", "early_exit"),
    *("Activity", "rate_band_loss", "baselines", "ce_membrane_loss", "accuracy_membrane"),
    *("SpikingClassifier", "SpikingRegressor"),
    *("mstdp_conv1d_single_step", "mstdp_conv2d_single_step", "eligibility_trace", "MSTDPLearner", "MSTDPETLearner"),
}

# What others are made of and are measured with: losses and monitors.
PARTS = {"LossFunctions", "unpack_len1_tuple"}


def public(package):
    for module in (package, *(item for item in vars(package).values() if inspect.ismodule(item))):
        if module.__name__.startswith(package.__name__) and hasattr(module, "__all__"):
            yield from (name for name in module.__all__ if callable(getattr(module, name)))


def test_every_function_that_the_peer_has_too_is_measured():
    measured = {name.split(",")[0] for name in CASES}
    assert {*public(snn_functional), *public(snn_spikegen)} - OWN - PARTS <= measured
    assert {"data_subset", "valid_split"} <= measured
    assert measured <= {*public(snn_functional), *public(snn_spikegen), *snn_data.__all__} - OWN


@pytest.mark.parametrize("name", ["to_one_hot", "target_rate_code", "latency_code", "delta", "stdp_conv1d_single_step"])
def test_the_same_arrays_give_the_same_results(name):
    calls = [CASES[name].make(imported("snn"), Draw())[0] for _ in range(2)]
    first, second = (tree_leaves(call()) for call in calls)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_call_leaves_no_gradient_of_the_one_before():
    x = torch.ones(3, requires_grad=True)
    worker = Worker("snn", torch.get_num_threads())
    worker.call, worker.leaves = lambda: 2 * x, [x]
    for _ in range(2):
        assert len(worker.once()[1]) == 2
        assert x.grad.tolist() == [2, 2, 2]


def test_a_difference_is_a_share_of_the_largest_number(tmp_path):
    np.savez(tmp_path / "a.npz", **{"0": np.array([1.0, 4.0]), "1": np.array(3)})
    np.savez(tmp_path / "b.npz", **{"0": np.array([2.0, 4.0]), "1": np.array(3)})
    np.savez(tmp_path / "c.npz", **{"0": np.array([1.0, 4.0, 5.0]), "1": np.array(3)})
    assert measure.difference(tmp_path / "a.npz", tmp_path / "b.npz") == 0.25
    assert measure.difference(tmp_path / "a.npz", tmp_path / "a.npz") == 0
    assert measure.difference(tmp_path / "a.npz", tmp_path / "c.npz") == float("inf")


def test_a_difference_that_is_not_a_number_shows_in_whichever_array_it_is(tmp_path):
    np.savez(tmp_path / "a.npz", np.ones(2), np.array([1.0, np.nan]))
    np.savez(tmp_path / "b.npz", np.ones(2), np.ones(2))
    assert np.isnan(measure.difference(tmp_path / "a.npz", tmp_path / "b.npz"))


def answered(forward, **more):
    return {"forward": forward, **more}


@pytest.fixture
def results():
    """A run of three functions, with times made up."""
    functions = {
        "ce_temporal_loss": {
            "libraries": {
                "snn": answered([0.001] * 3, backward=[0.003] * 3, memory={"megabytes": 12.4}),
                "snntorch": answered([0.01] * 3, backward=[0.09] * 3),
            },
            "difference": 0.0,
        },
        "valid_split": {
            "libraries": {"snn": answered([0.002] * 3), "snntorch": answered([0.006] * 3)},
            "difference": 1e-7,
        },
        "targets_rate": {
            "libraries": {"snn": answered([0.002] * 3), "snntorch": {"reason": "RuntimeError: sizes"}},
            "difference": None,
        },
    }
    machine = {"processor": "one", "instructions": "none", "cores": 1, "threads": 1, "system": "none"}
    versions = {"snn": {"snn-functional": "1"}, "snntorch": {"snntorch": "1.0.0"}}
    return {"functions": functions, "machine": machine, "versions": versions, "rounds": 3} | {
        "command": "nox -s bench -- --functions",
        "date": "2000-01-01",
    }


def test_the_table_says_what_is_reached_what_is_missed_and_what_does_not_run(results):
    rows = {row[0]: dict(zip(table.head, row, strict=True)) for table in measure.tables(results) for row in table.rows}
    losses, split, failed = rows["`ce_temporal_loss`"], rows["`valid_split`"], rows["`targets_rate`"]
    assert losses["snnTorch takes"] == "25× (25–25)"
    assert losses["target"] == "20×, reached"
    assert losses["snn, ms"] == "1 + 3"
    assert (losses["snn, MiB"], losses["snnTorch, MiB"]) == ("12", NOTHING)
    assert (losses["difference"], split["difference"]) == ("none", "1e-07")
    assert split["target"] == "20×, missed"
    assert failed["snnTorch takes"] == NOTHING
    text = measure.page(results)
    assert "- targets_rate, snnTorch: RuntimeError: sizes\n" in text
    assert "`nox -s bench -- --functions`" in text


@pytest.mark.exhaustive
def test_a_small_run_times_every_round_and_weighs_the_memory():
    plan = Plan(rounds=3, seconds=0.0, threads=1)
    results = measure.measured(["to_one_hot", "latency_code"], {"snn": sys.executable}, plan)
    assert results["versions"]["snn"].keys() >= {"snn-functional", "snn-spikegen", "snn-data", "torch"}
    for function in json.loads(json.dumps(results))["functions"].values():
        assert len(function["libraries"]["snn"]["forward"]) == 3
        assert function["libraries"]["snn"]["memory"]["megabytes"] >= 0


def test_each_library_goes_first_as_often_as_the_other_in_each_pair(monkeypatch):
    order = []

    class Noted(contextlib.nullcontext):
        def __init__(self, library, *more, **others):
            super().__init__(self)
            self.library, self.pair = library, sum(library == name for name, _ in started)
            started.append((library, self))

        def ask(self, question, **what):
            if question == "turn":
                order.append((self.pair, self.library))
            return {"hello": {"versions": {}}, "turn": {"forward": 1.0}}.get(question, {})

    started = []
    monkeypatch.setattr(measure, "Process", Noted)
    plan = Plan(rounds=18, seconds=0.0, threads=1, memory=False)
    measure.measured(["rate"], dict.fromkeys(LIBRARIES, sys.executable), plan)
    firsts, seconds = order[::2], order[1::2]
    assert [pair for pair, _ in firsts] == [pair for pair, _ in seconds] == [*range(6)] * 4
    assert collections.Counter(firsts) == collections.Counter(seconds)
    assert len(set(firsts)) == 12


def test_a_function_that_is_not_there_is_refused_with_those_that_are(capsys):
    with pytest.raises(SystemExit):
        program.main(["--functions", "ce_loss"])
    assert "no function ce_loss: choose from ce_rate_loss, ce_count_loss" in capsys.readouterr().err


def test_a_peer_that_is_not_there_is_an_error():
    with pytest.raises(RuntimeError, match="snnTorch, the library to compare with, is missing: uv could not install"):
        program.main(["--absent", "snntorch=uv could not install it", "--functions"])
