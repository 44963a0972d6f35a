"""The first sequence of a neuron in a process, in which its step is traced and compiled."""

from __future__ import annotations

import subprocess
import sys

import pytest

COUNT = """
import sys
import threading

import torch

import snn_core as snn

xs, neuron, calls = torch.rand(100, 32, 64, requires_grad={grad}), snn.{neuron}, 0
snn.kernels.status()  # loads the kernels, which takes as many calls as there are packages


def count(frame, event, arg):
    global calls
    calls += event == "call"


threading.setprofile(count)  # a step is traced in a thread of its own
sys.setprofile(count)
with torch.set_grad_enabled({grad}):
    spk, _ = neuron.unroll(xs)
    if {grad}:
        spk.sum().backward()
sys.setprofile(None)
threading.setprofile(None)
assert snn.kernels.choose(neuron, xs).name == "snn-cpu"
print(calls)
"""


@pytest.mark.parametrize(
    ("neuron", "grad"),
    [("AdLIF(beta=0.9, rho=0.8)", False), ("AdLIF(beta=0.9, rho=0.8)", True), ("SLSTM(64, 64)", False)],
)
def test_a_first_sequence_takes_at_most_ten_thousand_python_calls(neuron: str, grad: bool) -> None:
    program = COUNT.format(neuron=neuron, grad=grad)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) <= 10_000
