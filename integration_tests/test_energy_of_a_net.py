"""``snn energy net.py:make_net``, with every piece installed."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from matplotlib.figure import Figure

import snn
from snn.cli import main

PROGRAM = """
import torch
from torch import nn
import snn_core as snn

def make_net():
    print("making a net")
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 9), nn.Dropout(0.9), snn.Leaky(0.8, init_hidden=True), nn.Linear(9, 3))

def make_batch():
    return torch.rand(11, 5, 4, generator=torch.Generator().manual_seed(1))

def make_pair():
    return make_batch(), [3, 11, 5, 1, 7]

def make_wrong_pair():
    return make_batch(), [3, 12, 5, 1, 7]

def make_nothing():
    return None
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(PROGRAM, encoding="utf-8")
    yield f"{path}:"
    sys.modules.pop(str(path), None)


def example(name):
    scope = {}
    exec(PROGRAM, scope)
    return scope[name]()


@pytest.mark.parametrize("model", ["45nm", "45nm+memory"])
def test_the_plot_draws_the_numbers_of_the_account(model):
    account = snn.energy(example("make_net").eval(), example("make_batch"), model=model)
    ax = snn.plot.energy_bars(account, ax=Figure().subplots())
    (factor,) = (1 / scale for unit, scale in {"nJ": 1e-9, "pJ": 1e-12}.items() if unit in ax.get_ylabel())
    heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
    assert heights[0] == pytest.approx([factor * sum(layer.energy.values()) for layer in account.layers])
    for bars, kind in zip(heights[1:], ("float32", "int8"), strict=True):
        assert bars == pytest.approx([factor * sum(layer.ordinary[kind].values()) for layer in account.layers])
    assert [sum(bars) for bars in heights] == pytest.approx(
        [factor * total for total in (account.total, *account.ordinary.values())]
    )
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0 Linear", "2 Leaky", "3 Linear"]


def test_random_numbers_of_a_shape_give_the_account_of_the_function(net, capsys):
    assert main(["energy", net + "make_net", "--shape", "11,5,4"]) == 0
    output = capsys.readouterr()
    xs = torch.rand(11, 5, 4, generator=torch.Generator().manual_seed(0))
    assert output.out == f"{snn.energy(example('make_net').eval(), xs)}\n"
    assert output.err == "making a net\n"


@pytest.mark.parametrize("batch", ["make_batch", "make_pair"])
def test_a_custom_batch_may_have_lengths(net, batch, capsys):
    words = ["energy", net + "make_net", "--batch", net + batch, "--model", "45nm+memory", "--json"]
    assert main(words) == 0
    account = json.loads(capsys.readouterr().out)
    xs, lengths = example("make_pair")
    lengths = lengths if batch == "make_pair" else None
    expected = snn.energy(example("make_net").eval(), xs, lengths=lengths, model="45nm+memory")
    assert account == json.loads(json.dumps(expected.to_dict()))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["make_batch", "--shape", "11,5,4"], "returns a Tensor; it must return a torch.nn.Module"),
        (["make_net", "--batch", "make_nothing"], "make_nothing returns a NoneType; it must return a torch.Tensor"),
        (["make_net", "--shape", "3,2,5"], "the net does not run over (3, 2, 5): RuntimeError: ... mat1 and mat2"),
        (
            ["make_net", "--batch", "make_wrong_pair"],
            "(11, 5, 4): ValueError: energy: lengths must be in [1, 11] with 11 steps, got 12",
        ),
    ],
)
def test_a_net_that_cannot_be_counted_ends_with_code_2(net, words, complaint, capsys):
    assert main(["energy", *(net + word if word.startswith("make") else word for word in words)]) == 2
    output = capsys.readouterr()
    assert all(part in output.err for part in complaint.split("... "))
    assert "snn energy: " in output.err
    assert output.out == ""
