"""Nets as files of ONNX, run by ONNX Runtime: the numbers of PyTorch, whatever the batch and the number of steps."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_export import export, onnx_model
from snn_export.onnx_model import OPSET

from .zoo import NETS, Explicit, looped, net_and_inputs, of_core

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:onnx.*", "ignore::DeprecationWarning:google.*")

WITH_STATES_OF_THEIR_OWN = ["rsynaptic", "slstm", "sliding psn", "rleaky with delays", "adex", "a refractory neuron"]
CASES = [case for case in of_core.NEURONS if case.name in WITH_STATES_OF_THEIR_OWN]


class File:
    """A file of ONNX in ONNX Runtime, as a function of tensors."""

    def __init__(self, path: pathlib.Path) -> None:
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.inputs = {entry.name: entry.shape for entry in self._session.get_inputs()}
        self.outputs = [entry.name for entry in self._session.get_outputs()]
        self.said = self._session.get_modelmeta().custom_metadata_map

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        feed = {name: t.detach().numpy() for name, t in zip(self.inputs, tensors, strict=True)}
        return [torch.from_numpy(array) for array in self._session.run(None, feed)]

    def stepped(self, inputs: list[Tensor]) -> list[Tensor]:
        """Outputs step by step from rest, stacked on time."""
        batch = inputs[0].shape[1]
        states = [torch.zeros(batch, *state["shape"][1:]) for state in json.loads(self.said["states"])]
        steps = []
        for step in zip(*inputs, strict=True):
            out = self(*step, *states)
            outputs, states = out[: len(out) - len(states)], out[len(out) - len(states) :]
            steps.append(outputs)
        return [torch.stack(column) for column in zip(*steps, strict=True)]


def close(result: list[Tensor], expected: list[Tensor]) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)
    assert any(tensor.count_nonzero() for tensor in expected)


@pytest.mark.parametrize("name", NETS)
def test_a_step_of_a_net_gives_its_numbers(name: str, tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs(name)
    export(net, tuple(sequence[0] for sequence in inputs(1, 3)), tmp_path / "net.onnx", format="onnx")
    run = File(tmp_path / "net.onnx")
    for batch in (1, 7):
        xs = inputs(9, batch)
        close(run.stepped(xs), looped(net, xs))


@pytest.mark.parametrize("name", ["convolutional", "recurrent", "several outputs", "two inputs"])
def test_a_sequence_of_a_net_gives_its_numbers(name: str, tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs(name)
    export(net, tuple(inputs(2, 3)), tmp_path / "net.onnx", format="onnx", over="sequence")
    run = File(tmp_path / "net.onnx")
    for steps, batch in ((1, 1), (9, 7)):
        xs = inputs(steps, batch)
        expected = looped(net, xs)
        close(run(*xs)[: len(expected)], expected)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_sequence_of_a_neuron_gives_its_numbers(case: Any, tmp_path: pathlib.Path) -> None:
    net = nn.Sequential(case.make(init_hidden=True).float()).eval()
    export(net, case.input(2, dtype=torch.float32), tmp_path / "net.onnx", format="onnx", over="sequence")
    xs = case.input(9, batch=5, dtype=torch.float32)
    close(File(tmp_path / "net.onnx")(xs)[:1], looped(net, [xs]))


def test_a_sequence_of_fixed_steps_stands_in_the_file_step_by_step(tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs("delays")
    with pytest.raises(ValueError, match=r"^export: Sequential cannot be written in ONNX: .*pass dynamic=\('batch',\)"):
        export(net, inputs(4, 3)[0], tmp_path / "net.onnx", format="onnx", over="sequence")
    assert not list(tmp_path.iterdir())
    export(net, inputs(4, 3)[0], tmp_path / "net.onnx", format="onnx", over="sequence", dynamic=("batch",))
    run, xs = File(tmp_path / "net.onnx"), inputs(4, 7)
    assert run.inputs == {"x": [4, "batch", 5]}
    close(run(*xs)[:1], looped(net, xs))


def test_the_file_names_what_goes_in_and_out_and_how_it_was_made(tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs("several outputs")
    model = export(net, inputs(1, 3)[0][0], tmp_path / "net.onnx", format="onnx")
    run = File(tmp_path / "net.onnx")
    assert run.inputs == {"x": ["batch", 5], "body.1.mem": ["batch", 6], "head.mem": ["batch", 3]}
    assert run.outputs == ["out.hidden", "out.read.0", "out.read.1", "body.1.mem.next", "head.mem.next"]
    assert json.loads(run.said["states"]) == [
        {"name": "body.1.mem", "shape": ["batch", 6], "dtype": "float32"},
        {"name": "head.mem", "shape": ["batch", 3], "dtype": "float32"},
    ]
    assert (run.said["over"], run.said["snn_core"], run.said["torch"]) == ("step", snn.__version__, torch.__version__)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]
    assert b".py" not in (tmp_path / "net.onnx").read_bytes()
    assert onnx.load(tmp_path / "net.onnx") == model


def test_a_sequence_has_named_axes(tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs("dense")
    export(net, inputs(2, 3)[0], tmp_path / "net.onnx", format="onnx", over="sequence")
    assert File(tmp_path / "net.onnx").inputs == {"x": ["time", "batch", 5]}


def test_a_net_called_by_explicit_states_has_the_names_of_its_forward(tmp_path: pathlib.Path) -> None:
    net = Explicit()
    export(net, (torch.rand(3, 5), torch.rand(3, 4), torch.rand(3, 4)), tmp_path / "net.onnx", format="onnx")
    run, tensors = File(tmp_path / "net.onnx"), (torch.rand(7, 5), torch.rand(7, 4), torch.rand(7, 4))
    assert [*run.inputs] == ["x", "syn", "mem"]
    with torch.no_grad():
        torch.testing.assert_close(run(*tensors), [*net(*tensors)])


def test_calls_without_an_operator_in_onnx_are_named_and_leave_no_file(tmp_path: pathlib.Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.special.bessel_j0(x)

    net = nn.Sequential(Odd(), snn.Leaky(beta=0.9, init_hidden=True))
    with pytest.raises(ValueError, match=r"^export: Sequential cannot be written in ONNX: .*bessel_j0"):
        export(net, torch.rand(3, 5), tmp_path / "net.onnx", format="onnx")
    assert not list(tmp_path.iterdir())


def test_weights_that_a_file_cannot_hold_are_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(nn.Linear(3, 5), snn.Leaky(beta=0.5, init_hidden=True)).eval()
    monkeypatch.setattr(onnx_model, "_LARGEST", 4 * (3 * 5 + 5) - 1)
    monkeypatch.setattr(onnx_model, "_model", None)  # which fails in ways of its own for more than a file holds
    with pytest.raises(ValueError, match=r"the model takes .* GiB, but an ONNX file at most 2; export its parts"):
        export(net, torch.zeros(1, 3), tmp_path / "net.onnx", format="onnx")
    assert not list(tmp_path.iterdir())


def test_the_same_net_gives_the_same_file_in_another_process(tmp_path: pathlib.Path) -> None:
    program = (
        "import sys, torch, snn_core as snn\nfrom snn_export import export\ntorch.manual_seed(0)\n"
        "net = torch.nn.Sequential(torch.nn.Linear(5, 4), snn.Leaky(beta=0.9, init_hidden=True))\n"
        "export(net, torch.rand(3, 5), sys.argv[1], format='onnx')\n"
    )
    made_there = {**os.environ, "PYTHONHASHSEED": "1"}
    words = [sys.executable, "-c", program, str(tmp_path / "there")]
    subprocess.run(words, check=True, capture_output=True, env=made_there)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 4), snn.Leaky(beta=0.9, init_hidden=True))
    export(net, torch.rand(3, 5), tmp_path / "here", format="onnx")
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
