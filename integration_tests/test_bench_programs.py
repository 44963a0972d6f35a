"""The benchmark of training steps: its programs, who is not timed, its tables, and a small run from end to end."""

from __future__ import annotations

import copy
import dataclasses
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import snn_functional
from bench import __main__ as program
from bench import layers, report
from bench.peers.registry import ENVIRONMENTS, LAST, PEERS
from bench.programs import command as programs
from bench.programs import page, tables
from bench.programs.catalog import PROGRAMS, Outputs
from bench.programs.contestants import CONTESTANTS
from bench.programs.kit import Kit
from bench.programs.kits import ours, torch_loop
from bench.programs.losses import Counts, Losses
from bench.programs.measure import agreement
from bench.programs.nets import gained
from bench.programs.products import products
from bench.programs.worker import STAGES, Training, Worker
from workspace import ROOT

BEGIN, END = page.PART[:2]

# weights and biases of the nets as snnTorch's tutorials have them, and of the other two counted by hand
PARAMETERS = {
    "tutorial-5": 784 * 1000 + 1000 + 1000 * 10 + 10,
    "tutorial-6": 12 * 26 + 64 * (12 * 25 + 1) + 10 * 1025,
    "tutorial-7": 12 * 51 + 32 * (12 * 25 + 1) + 10 * 801,
    "quickstart": 8 * 26 + 16 * (8 * 25 + 1) + 10 * 257,
    "regression-2": 785 * 128 + 129 * 128 + 10 * 129,
    "population": 785 * 128 + 129 * 500,
    "shd": 701 * 256 + 257 * 256 + 257 * 20,
    "residual": 16 * 28 + 2 * 16 * 145 + 32 * 145 + 32 * 289 + 32 * 17 + 10 * 513,
    "speech-norm": 701 * 380 + 381 * 380 + 4 * 380 + 381 * 20,
    "events-norm": 12 * 51 + 32 * 301 + 2 * 44 + 10 * 801,
    "residual-norm": 16 * 27 + 2 * 16 * 144 + 32 * (144 + 288 + 16) + 2 * (3 * 16 + 3 * 32) + 10 * 513,
    "transformer": 32 * 28 + 64 * 289 + 2 * 96 + 2 * (4 * (64 * 65 + 128) + 128 * 65 + 256 + 64 * 129 + 128) + 10 * 65,
    "sew-resnet-18": 11_173_962,  # as an ordinary ResNet-18 with a first convolution of 3 by 3 and ten classes
    "qkformer": (8 * 27 + 16 + 16 * 80 + 64)
    + sum(out * (9 * out // 2 + 9 * out + out // 2) + 6 * out for out in (32, 64))
    + sum(layers * (d * d + 2 * d) + 8 * d * d + 16 * d for d, layers in ((16, 3), (32, 3), (64, 4)))
    + 10 * 65,
}
DEEP = ("sew-resnet-18", "qkformer")  # narrower ones are trained in test_bench_deep.py, and beside the peers
TRAINED = [pytest.param(name, marks=[pytest.mark.exhaustive] * (name in DEEP)) for name in PROGRAMS]


def small(name: str) -> Training:
    return Training(dataclasses.replace(PROGRAMS[name], batch=3, steps=min(5, PROGRAMS[name].steps)), ours.kit())


def in_float64(program: Any, kit: Kit) -> Training:
    """Return a program whose net computes in float64, where no rounding error makes a spike come or go."""
    training = Training(program, kit)
    training.net.double()
    training.xs = training.xs.double()
    if training.targets.is_floating_point():
        training.targets = training.targets.double()
    training.optimizer = torch.optim.Adam(training.net.parameters(), lr=program.rate)
    return training


@pytest.mark.parametrize("name", TRAINED)
def test_unroll_a_loop_and_the_written_equation_train_the_same(name: str):
    program = dataclasses.replace(PROGRAMS[name], batch=3, steps=min(5, PROGRAMS[name].steps))
    kits: list[Kit] = [torch_loop.kit(), ours.kit(loop=True), ours.kit()]
    losses, gradients = [], []
    for kit in kits:
        training = in_float64(program, kit)
        torch.manual_seed(0)
        losses.append([training.step(), training.step()])
        gradients.append(training.gradient())
    np.testing.assert_allclose(losses, losses[:1] * 3, rtol=1e-6)
    np.testing.assert_allclose(gradients, gradients[0], rtol=1e-5)
    assert losses[0][0] != losses[0][1]  # it learns


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_net_has_the_parameters_of_its_program(name: str):
    net = PROGRAMS[name].net(ours.kit())
    assert sum(p.numel() for p in net.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", TRAINED)
def test_in_every_layer_some_neurons_fire_and_none_always(name: str):
    training = Training(
        dataclasses.replace(PROGRAMS[name], batch=8, steps=min(25, PROGRAMS[name].steps)), ours.kit(loop=True)
    )
    rates: dict[str, list[float]] = {}
    for path, layer in training.net.named_modules():
        if hasattr(layer, "threshold"):

            def note(layer: nn.Module, args: object, out: object, path: str = path) -> None:
                spk = out[0] if isinstance(out, tuple) else out
                rates.setdefault(path, []).append(float((spk > 0).float().mean()))

            layer.register_forward_hook(note)
    training.step()
    assert len(rates) >= 2
    assert all(0.02 < np.mean(of) < 0.3 for of in rates.values()), rates


@pytest.mark.parametrize("shares", [None, Counts(0.8, 0.2), Counts(1.0, 0.0, 5)], ids=["rate", "counts", "population"])
def test_a_written_loss_is_that_of_the_library(shares: Counts | None):
    library = Losses.of(snn_functional)
    spk = (torch.rand(7, 3, 10, generator=torch.Generator().manual_seed(0)) < 0.3).float().requires_grad_()
    labels = torch.tensor([4, 0, 2])
    losses = [
        losses.rate(spk, labels) if shares is None else losses.counts(spk, labels, shares)
        for losses in (Losses(), library)
    ]
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*(torch.autograd.grad(loss, spk)[0] for loss in losses))


def test_an_image_is_the_same_in_every_step_and_takes_the_memory_of_one():
    xs, _ = PROGRAMS["tutorial-6"].data(torch.Generator().manual_seed(0))
    assert xs.shape == (50, 128, 1, 28, 28)
    assert xs.stride(0) == 0


def test_layers_and_their_factors_are_as_many():
    with pytest.raises(ValueError, match="zip"):
        gained(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), (1.0,))


def test_the_weights_of_batch_norm_are_scaled_instead_of_those_before_it():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    before = copy.deepcopy(net)
    gained(net, (3.0, 0.5))
    for layer, start, gain in zip(net, before, (1.0, 3.0, 0.5), strict=True):
        torch.testing.assert_close([*layer.parameters()], [gain * p for p in start.parameters()])


def test_a_program_is_run_by_its_contestants_only():
    assert {name for name, entry in PROGRAMS.items() if "norse" not in entry.contestants} == {
        "speech-norm",
        "events-norm",
        "residual-norm",
        "transformer",
        "sew-resnet-18",
        "qkformer",
    }
    assert all({"snn", LAST, "snntorch"} <= {*entry.contestants} <= CONTESTANTS.keys() for entry in PROGRAMS.values())


def test_a_peer_with_other_results_is_not_timed_and_has_a_reason():
    own = {"loss": 2.0, "gradient": 1.0, "parameters": 7}
    answers = {
        "snn": own,
        "snntorch": own | {"loss": 2.04},
        "torch": own | {"gradient": 1.06},
        "snn-steps": own | {"loss": 2.01, "gradient": 1.04},
        "norse": own | {"loss": 5.0, "parameters": 8},
        "spikingjelly": {"reason": "it does not start"},
    }
    pairs = agreement(answers, lambda name: own)
    assert [(entry["pair"][0], entry["same"]) for entry in pairs] == [
        ("snntorch", "no"),
        ("torch", "no"),
        ("snn-steps", "in float64"),
    ]
    assert answers["snntorch"]["reason"] == "not timed: its loss differs by 2 %, its gradient by 0 %"
    assert answers["torch"]["reason"] == "not timed: its loss differs by 0 %, its gradient by 6 %"
    assert answers["norse"]["reason"] == "not timed: it learns 8 parameters, ours 7"
    assert answers["spikingjelly"]["reason"] == "it does not start"
    assert "reason" not in answers["snn"] | answers["snn-steps"]


def test_without_ours_nothing_is_compared():
    assert agreement({"torch": {"loss": 1.0, "gradient": 1.0, "parameters": 7}}, dict) == []


@pytest.mark.parametrize("way", ["loss", "gradient"])
def test_a_result_that_is_nan_is_not_the_same(way: str):
    own = {"loss": 2.0, "gradient": 1.0, "parameters": 7}
    peer = own | {way: float("nan")}
    (pair,) = agreement({"snn": own, "torch": peer}, lambda name: own)
    assert pair["same"] == "no"
    (pair,) = agreement({"snn": own, "torch": own | {"gradient": 1.03}}, {"snn": own, "torch": peer}.__getitem__)
    assert pair["same"] == "no"


@pytest.mark.parametrize(
    ("single", "double", "same"),
    [
        ((2.0, 1.000009), None, "yes"),
        ((2.00001, 1.0), None, "yes"),
        ((2.0, 1.00002), (3.0, 5.0), "in float64"),
        ((2.0, 1.03), (3.0, 5.000000004), "in float64"),
        ((2.0, 1.03), (3.0, 5.00000001), "no"),
        ((2.0, 1.03), (3.00000001, 5.0), "no"),
        ((2.0, 1.06), None, "no"),
        ((2.019, 1.03), (3.0, 5.0), "in float64"),
        ((2.021, 1.03), None, "no"),
    ],
)
def test_float64_decides_on_a_pair_that_differs_by_more_than_rounding(
    single: tuple[float, float], double: tuple[float, float] | None, same: str
):
    own, peer = {"loss": 2.0, "gradient": 1.0, "parameters": 7}, dict(zip(("loss", "gradient"), single, strict=True))
    repeated = []

    def in_float64(name: str) -> dict[str, float]:
        repeated.append(name)
        values = {"snn": (3.0, 5.0), "torch": double}[name]
        assert values is not None
        return dict(zip(("loss", "gradient"), values, strict=True))

    answers = {"snn": own, "torch": own | peer}
    (pair,) = agreement(answers, in_float64)
    assert pair["same"] == same
    assert repeated == ([] if double is None else ["torch", "snn"])
    assert ("reason" in answers["torch"]) == (same == "no")


def test_a_pair_that_differs_in_float64_has_a_reason_that_says_so():
    own = {"loss": 2.0, "gradient": 1.0, "parameters": 7}
    answers = {"snn": own, "torch": own | {"gradient": 1.03}}
    agreement(answers, {"snn": own, "torch": own | {"gradient": 1.02}}.__getitem__)
    assert answers["torch"]["reason"] == "not timed: in float64 its loss differs by 0 %, its gradient by 2 %"
    agreement(answers, {"snn": own, "torch": {"reason": "no such kernel"}}.__getitem__)
    assert answers["torch"]["reason"] == "not timed: no step in float64: no such kernel"


@pytest.fixture
def restored_dtype() -> Iterator[None]:
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("restored_dtype")
@pytest.mark.parametrize("name", TRAINED)
def test_a_step_in_float64_has_the_weights_and_data_of_float32(name: str):
    entry = dataclasses.replace(PROGRAMS[name], batch=3, steps=min(3, PROGRAMS[name].steps))
    training = Training(entry, ours.kit())
    single = np.array([training.step(), training.gradient()])
    double = []
    for contestant in ("torch", "snn-steps", "snn"):
        torch.set_default_dtype(torch.float32)
        double.append([*Worker(contestant, torch.get_num_threads()).float64(name, entry.batch, entry.steps).values()])
    np.testing.assert_allclose(double, double[:1] * 3, rtol=1e-12)
    np.testing.assert_allclose(single, double[0], rtol=1e-4)
    assert (single != double[0]).all()


def test_every_contestant_is_a_peer_of_the_other_benchmark_and_has_a_module():
    for name, contestant in CONTESTANTS.items():
        assert contestant.environment == PEERS[name].environment
        assert {*PEERS[name].distributions} <= {*contestant.distributions}
        assert contestant.environment in {"", LAST, *ENVIRONMENTS}
        assert (ROOT / "tools" / "bench" / "programs" / "kits" / f"{contestant.module}.py").exists()


def test_a_worker_says_memory_loss_time_and_page_faults():
    worker = Worker("snn", threads=1)
    begun = worker.begin("tutorial-5", batch=3, steps=2)
    assert begun["parameters"] == PARAMETERS["tutorial-5"]
    # the gradient and two moments of Adam
    assert begun["megabytes"] > 3 * 4 * PARAMETERS["tutorial-5"] / 2**20
    # the gradient and what Adam computes of it at a time, and not the moments, which are there before
    assert 1 < begun["tensors"] * 2**20 / (4 * PARAMETERS["tutorial-5"]) < 4
    result = worker.train(0.0)
    assert result["seconds"] > 0
    assert result["faults"] >= 0
    assert min(result[stage] for stage in STAGES) > 0
    assert sum(result[stage] for stage in STAGES) == pytest.approx(result["seconds"])
    assert worker.products(0.0)["products"] > 0


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("name", TRAINED)
def test_the_products_alone_are_those_of_the_loop(name: str, at_once: bool):
    training = small(name)
    layers = [layer for layer in training.net.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    inputs: dict[nn.Module, list[torch.Tensor]] = {layer: [] for layer in layers}
    torch.manual_seed(0)
    compute = products(training.net, training.xs, training.kit.run, at_once)
    compute()
    compute()
    gradients = [layer.weight.grad for layer in layers]
    hooks = [
        layer.register_forward_pre_hook(lambda layer, args: inputs[layer].append(args[0].detach())) for layer in layers
    ]
    torch.manual_seed(0)  # the same dropout
    with torch.no_grad():
        training.kit.run(training.net, training.xs)
    for hook in hooks:
        hook.remove()
    for number, (layer, gradient) in enumerate(zip(layers, gradients, strict=True)):
        layer.zero_grad()
        constant = number == 0 and PROGRAMS[name].density is None
        for x in inputs[layer][:1] if constant else inputs[layer]:
            layer(x).sum().backward()
        torch.testing.assert_close(gradient, layer.weight.grad, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """A run of two programs made small, this tree in place of the last release, and a library that is not there."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "page.md").write_text(f"# Benchmarks\n\n{BEGIN}\nold\n{END}\n\nafter\n", encoding="utf-8")
    words = ["--programs", "--quick", "--rounds", "3", "--batch", "3", "--threads", "1"]
    words += ["--peers", "torch", "snn-steps", "norse", LAST]
    words += ["--out", str(folder / "found.json"), "--page", str(folder / "page.md")]
    program.main(["--python", f"{LAST}={sys.executable}", "--absent", "norse=uv could not install norse", *words])
    results = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return results | {"page": (folder / "page.md").read_text(encoding="utf-8")}


@pytest.mark.exhaustive
def test_a_run_times_who_is_there_round_by_round_and_says_who_agrees(figures: dict):
    assert figures["programs"].keys() == {"population", "regression-2"}
    assert figures["sizes"] == {"batch": 3}
    for result in figures["programs"].values():
        assert result["contestants"].keys() == {"torch", "snn-steps", "snn", LAST}
        assert result["contestants"]["snn"]["products"] > 0
        for answer in result["contestants"].values():
            assert len(answer["seconds"]) == len(answer["faults"]) == len(answer["backward"]) == 3
            assert min(answer["seconds"]) > 0
            assert min(answer["megabytes"], answer["tensors"]) > 0
        assert [(compared["pair"], compared["same"]) for compared in result["agreement"]] == [
            (["torch", "snn"], "yes"),
            (["snn-steps", "snn"], "yes"),
        ]


@pytest.mark.exhaustive
def test_the_section_takes_the_place_of_the_old_one(figures: dict):
    text = figures["page"]
    assert text.startswith(f"# Benchmarks\n\n{BEGIN}\n\n## Whole training steps\n")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old" not in text.split("\n")
    assert "`nox -s bench -- --programs --quick" in text
    assert page.page(text, figures) == text


def made_up(seconds: dict[str, list[float]]) -> dict:
    contestants = {
        name: {
            "title": CONTESTANTS[name].title,
            "note": "",
            "differs": CONTESTANTS[name].differs,
            "versions": {},
        }
        for name in seconds
    }
    answers = {
        name: {"seconds": times, "faults": [1500.0] * len(times), "megabytes": 12.4, "tensors": 7.25}
        | {"loss": 1.0, "gradient": 1.0}
        for name, times in seconds.items()
    }
    compared = [
        {"pair": ["snntorch", "snn"], "loss": 1e-7, "gradient": 0.0, "float64": {}, "same": "yes"},
        {"pair": ["snntorch", "snn"], "loss": 3e-5, "gradient": 0.03, "same": "in float64"}
        | {"float64": {"loss": 0.0, "gradient": 2e-16}},
        {"pair": ["snntorch", "snn"], "loss": 0.2, "gradient": 0.1, "float64": {}, "same": "no"},
    ]
    return {
        "contestants": contestants,
        "programs": {"quickstart": {"title": "a net", "contestants": answers, "agreement": compared}},
        "command": "nox -s bench -- --programs",
        "machine": {"processor": "one", "instructions": "none", "cores": 1, "threads": 1, "system": "none"},
        "rounds": 3,
        "date": "2000-01-01",
    }


def test_a_ratio_is_the_median_of_those_within_a_round():
    figures = made_up({"snntorch": [1.0, 4.0, 3.0], "snn": [0.5, 1.0, 1.0]})
    by_title = {table.title: table for table in tables.every(figures)}
    assert by_title["A training step, ms"].rows == [["quickstart", "3000", "1000"]]
    ratio = by_title["How many times faster than the loop of snnTorch"]
    assert ratio.rows == [["quickstart: a net", "3× (2.5–3.5)"]]
    assert by_title["Minor page faults of a step"].rows == [["quickstart", "1,500", "1,500"]]
    (memory,) = (table for title, table in by_title.items() if title.startswith("Peak memory of the first step"))
    assert memory.rows == [["quickstart", "12", "12"]]
    (agreed,) = (table for title, table in by_title.items() if title.startswith("Agreement"))
    assert [row[:3] for row in agreed.rows] == [["quickstart", "snnTorch", "snn, `unroll`"]] * 3
    assert [row[3:] for row in agreed.rows] == [
        ["1e-07", "0e+00", "–", "–", "yes"],
        ["3e-05", "3e-02", "0e+00", "2e-16", "in float64"],
        ["2e-01", "1e-01", "–", "–", "**no**"],
    ]


def test_the_stages_of_our_step_stand_beside_its_products():
    figures = made_up({"snntorch": [1.0] * 3, "snn": [0.5] * 3})
    (empty,) = (table for table in tables.every(figures) if table.title.startswith("The stages"))
    assert empty.rows == []
    stages = {"forward": [0.1, 0.2, 0.3], "loss": [0.01] * 3, "backward": [0.25] * 3, "optimizer": [0.04] * 3}
    figures["programs"]["quickstart"]["contestants"]["snn"] |= stages | {"products": 0.125}
    (table,) = (table for table in tables.every(figures) if table.title.startswith("The stages"))
    assert table.rows == [["quickstart", "200", "10", "250", "40", "125"]]


def test_a_failed_peer_is_a_dash_with_its_reason():
    figures = made_up({"snntorch": [1.0] * 3, "norse": [1.0] * 3, "snn": [0.5] * 3})
    broken = copy.deepcopy(figures)
    broken["programs"]["quickstart"]["contestants"]["norse"] = {"reason": "it has no such neuron"}
    by_title = {table.title: table for table in tables.every(broken)}
    ratio = by_title["How many times faster than the loop of snnTorch"]
    assert ratio.rows == [["quickstart: a net", "–", "2× (2–2)"]]
    assert ratio.notes == ["Norse, quickstart: it has no such neuron"]
    without = copy.deepcopy(figures)
    without["contestants"]["norse"] = {"title": "Norse", "note": "", "differs": "", "reason": "no wheel"}
    del without["programs"]["quickstart"]["contestants"]["norse"]
    by_title = {table.title: table for table in tables.every(without)}
    assert by_title["A training step, ms"].rows == [["quickstart", "1000", "–", "500"]]
    assert by_title["How many times faster than the loop of snnTorch"].notes == ["Norse: no wheel"]


def test_the_page_of_layers_keeps_the_section_of_programs():
    section = f"{BEGIN}\n\nfigures\n\n{END}"
    assert page.PART.part(f"# Benchmarks\n\n{section}\n\nafter\n") == section
    machine = {"processor": "one", "cores": 1, "threads": 1, "instructions": "", "memory_gb": 1, "system": ""}
    assert f"\n{section}\n\n## Layers and small nets\n" in layers.HEAD.format(programs=section, rounds=1, **machine)


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="between which the section goes"):
        page.page(f"# Benchmarks\n{BEGIN}\n", made_up({"snn": [1.0] * 3}))


def test_an_unknown_program_is_named(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        programs.main(report.session(["chess"]))
    assert "no program chess: choose from tutorial-5, tutorial-6" in capsys.readouterr().err


def test_outputs_of_a_net_are_spikes_and_membranes_over_time():
    training = small("regression-2")
    spk, mem = training.kit.run(training.net, training.xs)
    assert spk.shape == mem.shape == (5, 3, 10)
    loss = training.program.loss(training.kit, Outputs(spk, mem, training.targets))
    torch.testing.assert_close(loss, (mem[-1] - training.targets).square().mean())


def test_the_page_in_the_tree_has_every_program():
    text = page.PART.part((ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8"))
    missing = {name for name, program in PROGRAMS.items() if f"| {name}: {program.title}" not in text}
    assert not missing
    assert "**no**" not in text
