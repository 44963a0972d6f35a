"""The times of a net in both ways of running it, and the words of ``snn bench``."""

from __future__ import annotations

import json
import sys
import time

import pytest
import torch
from torch import nn

import snn
from snn.bench import Bench, Timing, bench
from snn.cli import main

from .fresh import python

PROGRAM = """
import torch
from torch import nn
import snn_core as snn

def make_net():
    print("making a net")
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 9), snn.Leaky(0.8, init_hidden=True), nn.Linear(9, 3))

class Words(nn.Module):
    def forward(self, x):
        return {"spk": x, "kind": "words"}

def make_nothing():
    return None
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(PROGRAM, encoding="utf-8")
    yield f"{path}:"
    sys.modules.pop(str(path), None)


@pytest.mark.exhaustive
def test_a_product_keeps_its_input_once_for_its_backward_pass():
    # the weights are there anyway; 7 steps of 5 samples of 3 features in float32
    times = bench(nn.Linear(3, 11), torch.rand(7, 5, 3), repeats=1)
    assert times.unrolled.kept == times.steps.kept == 7 * 5 * 3 * 4


def test_a_net_without_parameters_is_timed_too():
    times = bench(nn.Sequential(nn.Flatten(), snn.Leaky(0.5, init_hidden=True)), torch.rand(7, 5, 3), repeats=1)
    assert times.unrolled.kept == times.steps.kept == 0
    assert "-" in str(times).splitlines()[3].split()


@pytest.mark.parametrize("output", [False, True])
def test_a_net_that_returns_its_states_is_timed_with_the_gradients_of_all_of_them(output):
    net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True, output=output))
    gradients = []
    net[0].weight.register_hook(gradients.append)
    times = bench(net, torch.rand(7, 5, 3), repeats=1)
    assert min(times.steps.training, times.unrolled.training) > 0
    assert all(torch.allclose(gradient, gradients[0]) for gradient in gradients)  # of the loop and of unroll
    alone = net(torch.ones(5, 3))
    assert isinstance(alone, tuple) == output


def test_a_net_may_return_any_structure_of_tensors():
    times = bench(nn.LSTM(3, 2), torch.rand(7, 5, 3), repeats=1)  # out, (h, c)
    assert times.unrolled.kept > 0
    assert times.unrolled.training > 0


def test_the_net_is_left_at_rest_without_gradients_and_the_threads_as_they_were():
    layer = snn.Leaky(beta=0.9, init_hidden=True)
    net, threads = nn.Sequential(nn.Linear(3, 2), layer), torch.get_num_threads()
    bench(net, torch.rand(7, 5, 3), repeats=1)
    assert [weight.grad for weight in net.parameters()] == [None, None]
    assert not layer.mem.any()
    assert torch.get_num_threads() == threads


def test_the_shares_of_the_time_are_those_of_all_of_it():
    net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
    places = bench(net, torch.rand(7, 5, 3), repeats=1).places
    assert list(places.values()) == sorted(places.values(), reverse=True)
    assert 0 < sum(places.values()) <= 1 + 1e-9


def test_work_that_an_accelerator_has_begun_is_timed_to_its_end(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: time.sleep(0.05))
    times = bench(nn.Linear(3, 2, device="meta"), torch.rand(7, 5, 3, device="meta"), repeats=1)
    for timing in (times.steps, times.unrolled):
        assert min(timing.forward, timing.training) >= 0.05


def test_the_ratios_are_of_the_loop_to_unroll():
    slow, fast = Timing(forward=0.3, training=1.2, kept=6 * 2**20), Timing(forward=0.1, training=0.3, kept=3 * 2**20)
    lines = str(Bench(slow, fast, {}, "how", threads=3)).splitlines()
    assert lines[1].split() == ["step", "loop", "300.0", "ms", "1.2", "s", "6.0", "MiB"]
    assert lines[3].split()[:8] == ["unroll", "is", "3.00", "x", "4.00", "x", "2.00", "x"]
    assert lines[-1] == "3 threads"


def test_the_command_prints_what_was_timed(net, capsys):
    assert main(["bench", net + "make_net", "--shape", "11,5,4", "--repeats", "1"]) == 0
    output = capsys.readouterr()
    assert [line.split("  ")[0] for line in output.out.splitlines()[1:4]] == ["step loop", "unroll", "unroll is"]
    assert "1  Leaky: " in output.out
    assert "making a net" in output.err


def test_a_net_imports_from_its_folder_while_it_runs(tmp_path):
    (tmp_path / "beside.py").write_text("FACTOR = 2\n", encoding="utf-8")
    text = "from torch import nn\nclass Net(nn.Module):\n  def forward(self, x):\n    import beside\n"
    (tmp_path / "late.py").write_text(f"{text}    return beside.FACTOR * x\n", encoding="utf-8")
    words = ["bench", f"{tmp_path / 'late.py'}:Net", "--shape", "7,5,3", "--repeats", "1"]
    process = python(f"from snn.cli import main\nsys.exit(main({words!r}))")
    assert process.returncode == 0, process.stderr


def test_the_command_prints_json_alone_on_standard_output(net, capsys):
    threads = torch.get_num_threads()
    words = ["bench", net + "make_net", "--shape", "11,5,4", "--repeats", "1", "--threads", "2", "--json"]
    assert main(words) == 0
    times = json.loads(capsys.readouterr().out)
    assert times["threads"] == 2
    assert torch.get_num_threads() == threads
    assert times["steps"].keys() == {"forward", "training", "kept"}


@pytest.mark.parametrize(("repeats", "error"), [(0, ValueError), (-1, ValueError), (2.5, TypeError), ("2", TypeError)])
def test_a_number_of_repeats_that_cannot_be_is_named_before_the_net_runs(repeats, error):
    def fails(module, args):
        raise AssertionError("it runs")

    net = nn.Linear(3, 2)
    net.register_forward_pre_hook(fails)
    with pytest.raises(error, match=rf"repeats is {repeats!r}; it must be (a whole number|at least 1)"):
        bench(net, torch.rand(7, 5, 3), repeats=repeats)


def test_a_function_without_a_signature_ends_with_code_2(capsys):
    assert main(["bench", "torch:zeros", "--shape", "3,2,5"]) == 2
    assert capsys.readouterr().err.startswith("snn bench: zeros in torch raises TypeError")


@pytest.mark.parametrize(
    ("function", "shape", "complaint"),
    [
        ("make_nothing", "3,2,4", "make_nothing returns a NoneType; it must return a torch.nn.Module"),
        ("make_net", "3,2,5", "the net does not run over (3, 2, 5): RuntimeError"),
        ("Words", "3,2,4", "unroll stacks the tensors that a net returns, but this net returns a str"),
        ("make_net", f"3,2,{2**31 - 1}", "more than the"),
    ],
)
def test_a_net_that_cannot_be_timed_ends_with_code_2(net, function, shape, complaint, capsys):
    if function == "make_net" and shape.endswith("7"):
        shape = f"1000000,{shape}"
    assert main(["bench", net + function, "--shape", shape]) == 2
    output = capsys.readouterr()
    assert output.err.partition("snn bench: ")[2].count(complaint) == 1
    assert output.out == ""
