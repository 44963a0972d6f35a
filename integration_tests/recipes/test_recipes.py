"""Every recipe runs: those of data that comes with packages, and those of files, on files made up."""

from __future__ import annotations

import gzip
import importlib
import json
import math
import struct
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import Subset

import recipes
from snn_core import SpikingNeuron
from snn_core.surrogate import triangular
from snn_core.utils import reset
from snn_data import LabelledSequences, watch_exercises
from snn_data.writers import write_heidelberg
from workspace import ROOT

PROGRAMS = {
    **recipes.NETWORKS,
    "shd": ("lif", "seadlif", "delays"),
    "ssc": ("lif", "seadlif", "delays"),
    "psmnist": ("lif", "brf"),
}
RUNS = [(task, neuron) for task, neurons in PROGRAMS.items() for neuron in neurons]
CLASSES = {"shd": 20, "ssc": 35}


@pytest.fixture
def program(monkeypatch):
    """Import a program as ``python docs/recipes/NAME.py`` finds it."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs" / "recipes"), *sys.path])
    return importlib.import_module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of SHD, SSC and MNIST with samples that are made up."""
    place = tmp_path_factory.mktemp("data")
    draws = np.random.default_rng(0)
    for name, part in [("shd", "train"), ("shd", "test"), ("ssc", "train"), ("ssc", "valid"), ("ssc", "test")]:
        spoken = [
            {"t": np.sort(draws.uniform(0, 0.06, 60)), "x": draws.integers(0, 700, 60)} for _ in range(CLASSES[name])
        ]
        keys = [f"word {i}" for i in range(CLASSES[name])]
        speakers = [i % 5 for i in range(len(keys))]
        write_heidelberg(place / name.upper() / f"{name}_{part}.h5", spoken, range(len(keys)), speakers, keys)
    for part, packed in (("train", True), ("t10k", False)):
        idx(place, f"{part}-images-idx3-ubyte", draws.integers(0, 256, (100, 28, 28)), packed)
        idx(place, f"{part}-labels-idx1-ubyte", np.arange(100) % 10, packed)
    clothing = place / "fashion-mnist"
    clothing.mkdir()
    for part, samples in (("train", 10_030), ("t10k", 20)):
        idx(clothing, f"{part}-images-idx3-ubyte", draws.integers(0, 256, (samples, 28, 28)), packed=False)
        idx(clothing, f"{part}-labels-idx1-ubyte", np.arange(samples) % 10, packed=False)
    return place


def idx(place, name, values, packed):
    content = (
        struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()
    )
    path = place / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize(("task", "neuron"), RUNS)
def test_a_small_run_ends_with_its_results(task, neuron, program, folder, capsys, monkeypatch):
    monkeypatch.setenv("SNN_DATA_CACHE", str(folder / "cache"))
    words = ["--neuron", neuron, "--seeds", "1", "--epochs", "1", "--samples", "6", "--folder", str(folder)]
    (result,) = program("training").main(program(task).RECIPE, words)
    *progress, last = capsys.readouterr().out.splitlines()
    assert json.loads(last) == json.loads(json.dumps(result))
    assert [line.split(":")[0] for line in progress] == [f"{task}, {neuron}, seed 0, epoch 1"]
    (run,) = result["runs"]
    assert (result["task"], result["neuron"]) == (task, neuron)
    assert run["test"] * result["samples"][2] == pytest.approx(round(run["test"] * result["samples"][2]))
    assert 0 < run["spikes"] < math.inf
    assert run["epoch"] == 1


@pytest.mark.parametrize("task", recipes.NETWORKS)
def test_the_nets_of_a_task_have_one_width(task, program):
    first, second = (program(task).RECIPE.networks[neuron].build() for neuron in recipes.NETWORKS[task])
    widths = [[layer.weight.shape for layer in net if hasattr(layer, "weight")] for net in (first, second)]
    assert widths[0] == widths[1]


def test_no_subject_is_in_two_parts(program):
    # the recordings are told apart by their first steps, which no two share
    recordings, subjects = watch_exercises()
    module = program("watch_exercises")
    owner = {
        tuple(window.unflatten(0, (module.STEPS, -1)).mean(1)[0].tolist()): int(subject)
        for (recording, _), subject in zip(recordings, subjects, strict=True)
        for window in recording.split(module.WINDOW)[: len(recording) // module.WINDOW]
    }
    module.standardized = lambda *parts: parts
    people = [{owner[tuple(window[0].tolist())] for window in part.data} for part in module.load()]
    assert [len(part) for part in people] == [5, 2, 3]
    assert sum(map(len, people)) == len(set.union(*people)) == 10


def test_the_features_of_the_training_part_are_standardized_by_their_own_numbers(program):
    draws = torch.Generator().manual_seed(0)
    parts = [
        LabelledSequences([3 + 2 * torch.randn(n, 3, generator=draws) for n in (7, 5)], torch.tensor([0, 1]))
        for _ in range(2)
    ]
    train, other = program("training").standardized(*parts)
    steps = torch.cat(train.data)
    assert torch.allclose(steps.mean(0), torch.zeros(3), atol=1e-6)
    assert torch.allclose(steps.std(0), torch.ones(3), atol=1e-6)
    before = torch.cat(parts[0].data)
    assert torch.allclose(other.data[1], (parts[1].data[1] - before.mean(0)) / before.std(0), atol=1e-6)


def test_counts_are_those_of_a_sample_without_the_padding(program):
    training = program("training")
    net = program("vowels").lif()
    train = program("vowels").load().train
    few = Subset(train, range(5))
    _, _, *together = training.measured(net, few, count=True)
    alone = torch.tensor([training.measured(net, Subset(train, [i]), count=True)[2:] for i in range(5)])
    assert together == pytest.approx(alone.mean(0).tolist(), rel=1e-3)
    first = second = 0.0
    for xs, _ in few:
        reset(net)
        for x in xs:
            with torch.no_grad():
                spk = net[:2](x.unsqueeze(0))
                second += float(net[2:4](spk).sum()) / 5
            first += float(spk.sum()) / 5
    steps = sum(len(xs) for xs, _ in few) / 5
    assert together == pytest.approx([(first + second) / 128, steps * 12 * 64, first * 64 + second * 9], rel=1e-3)


def test_operations_of_layers_with_delays_are_not_counted(program):
    training, net = program("training"), program("vowels").delays()
    *_, rate, multiplications, additions = training.measured(
        net, Subset(program("vowels").load().train, [0]), count=True
    )
    assert rate > 0
    assert math.isnan(multiplications)
    assert math.isnan(additions)


def test_an_answer_is_the_mean_membrane_of_the_steps_that_count(program):
    training, net = program("training"), program("vowels").lif()
    xs = torch.randn(30, 2, 12, generator=torch.Generator().manual_seed(0))
    together = training.answer(net, xs, torch.tensor([30, 11]))
    alone = training.answer(net, xs[:11, 1:], torch.tensor([11]))
    assert torch.allclose(together[1:], alone, atol=1e-5)


def test_choosing_settings_does_not_look_at_the_test_part(program, capsys):
    words = ["--neuron", "lif", "--seeds", "1", "--epochs", "1", "--samples", "6", "--validate"]
    (result,) = program("training").main(program("vowels").RECIPE, words)
    assert result["runs"][0]["test"] is None


def test_a_window_replaces_the_surrogate_of_every_neuron(program, capsys, monkeypatch):
    training, nets = program("training"), []
    monkeypatch.setattr(training, "measured", lambda net, *_, **__: nets.append(net) or (1.0, 0.0, 1.0, 2.0, 3.0))
    training.main(program("vowels").RECIPE, ["--neuron", "lif", "--seeds", "1", "--epochs", "1", "--window", "0.25"])
    neurons = [layer for layer in nets[0] if isinstance(layer, SpikingNeuron)]
    assert [repr(layer.spike_grad) for layer in neurons] == 3 * [repr(triangular(0.25))]


def test_a_window_of_nothing_is_refused(program):
    with pytest.raises(ValueError, match="threshold"):
        program("training").main(program("vowels").RECIPE, ["--neuron", "lif", "--seeds", "1", "--window", "0"])


def test_ordinary_models_have_the_size_of_the_first_net(program, capsys):
    recipe = program("vowels").RECIPE
    (result,) = program("training").main(recipe, ["--baselines", "--epochs", "1"])
    size = sum(p.numel() for p in recipe.networks["lif"].build().parameters())
    for name in ("GRU", "convolution"):
        assert 0.9 * size < result["models"][name]["parameters"] <= size
    *lines, last = capsys.readouterr().out.splitlines()
    assert json.loads(last) == json.loads(json.dumps(result))
    assert "samples: train 189, valid 81, test 370" in "\n".join(lines)


def test_an_unknown_net_is_named(program, capsys):
    with pytest.raises(SystemExit):
        program("training").main(program("vowels").RECIPE, ["--neuron", "cable"])
    assert "invalid choice: 'cable'" in capsys.readouterr().err


def test_the_spiking_net_of_clothing_and_its_twin_end_with_a_table(program, folder, capsys):
    words = ["--folder", str(folder), "--epochs", "1", "--samples", "20"]
    result = program("fashion_mnist").main(words)
    *lines, last = capsys.readouterr().out.splitlines()
    assert json.loads(last) == json.loads(json.dumps(result))
    head, *rows = result["table"]
    assert head[1:] == ["spiking, T=4", "relu, T=1"]
    assert lines[-len(rows) :] == [f"| {' | '.join(row)} |" for row in rows]
    for net in result["nets"]:
        assert [run["seed"] for run in net["runs"]] == [0, 1]
        assert {run["learning_rate"] for run in net["runs"]} == {net["runs"][0]["learning_rate"]}
        assert net["runs"][0]["learning_rate"] == max(net["tried"], key=lambda run: run["valid"])["learning_rate"]
        assert all(run["test"] * 20 == pytest.approx(100 * round(run["test"] / 5)) for run in net["runs"])
    spiking, relu = (net["runs"][0] for net in result["nets"])
    assert spiking["parameters"] == relu["parameters"]
    assert spiking["Effective_ACs"] > 0 == relu["Effective_ACs"]


@pytest.mark.parametrize(("kind", "steps"), [("spiking", 4), ("relu", 1)])
def test_the_operations_on_clothing_are_those_of_the_layers_with_the_first_one_run_once(kind, steps, program):
    module = program("fashion_mnist")
    torch.manual_seed(0)
    images = torch.rand(3, 1, 28, 28), torch.tensor([0, 1, 2])
    facts = module.tested(kind, module.build(kind).eval(), images)
    # a window of 3 in a padded row of n pixels covers n of them, less what lies in the padding
    stem = (3 * 14 - 1) ** 2 * 16
    first = (3 * 7 - 1) ** 2 * 16 * 32 + (3 * 7 - 2) ** 2 * 32 * 32 + 7 * 7 * 16 * 32
    second = (3 * 4 - 1 - 1) ** 2 * 32 * 64 + (3 * 4 - 2) ** 2 * 64 * 64 + 4 * 4 * 32 * 64
    assert facts["Dense"] == stem + steps * (first + second + 64 * 10)


def test_the_steps_of_an_image_are_averaged(program):
    module = program("fashion_mnist")
    outs = torch.tensor([[[3.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [0.0, 1.0]]])
    targets = torch.tensor([0, 0])
    assert module.accuracy(outs, targets) == 0.5
    # means [1, 0] and [0, 1]: softplus(-1) and softplus(1), and their mean
    expected = (math.log1p(math.exp(-1)) + math.log1p(math.exp(1))) / 2
    assert float(module.loss(outs, targets)) == pytest.approx(expected)


def test_a_missing_folder_of_clothing_says_where_the_files_are(program, capsys):
    with pytest.raises(SystemExit):
        program("fashion_mnist").main([])
    message = capsys.readouterr().err
    assert "must name a folder with the four files of Fashion-MNIST. Fix: on Debian, install" in message
    assert "https://github.com/zalandoresearch/fashion-mnist" in message
