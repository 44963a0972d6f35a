"""Tests of what a kernel keeps for a backward pass, and of how much memory a call takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

import snn_core as snn

from .specification import KINDS, case


def saved_bytes(run: Callable[[], object], beside: tuple[Tensor, ...] = ()) -> int:
    """Return how many bytes a call stores for a backward pass, beside tensors that exist anyway."""
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        held[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    there = {t.data_ptr() for t in beside}
    return sum(size for place, size in held.items() if place not in there)


@pytest.mark.parametrize(("steps", "segments"), [(1, 0), (32, 0), (33, 1), (64, 1), (65, 2), (97, 3)])
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_beside_its_inputs_it_stores_the_states_of_every_32nd_step_and_what_it_computes_from_constants(
    family: str, reset: str, delay: bool, steps: int, segments: int
) -> None:
    sample = case(family, reset, delay, steps=steps, shape=(3, 5))
    from_constants = saved_bytes(sample.by_kernel, sample.tensors) - segments * len(sample.states) * 15 * 8
    assert from_constants in {8 * count for count in range(len(sample.constants) + 1)}  # at most one number for each


@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_without_a_backward_pass_it_stores_nothing(family: str, reset: str, delay: bool) -> None:
    sample = case(family, reset, delay, steps=70)
    still = sample.fresh([False] * len(sample.tensors))
    assert saved_bytes(still.by_kernel) == 0
    for switch in (torch.no_grad, torch.inference_mode):
        with switch():
            assert saved_bytes(sample.by_kernel) == 0
    assert saved_bytes(sample.by_kernel) > 0


# by how many megabytes a process grows at most; x and the spikes are 64 MB each
PROGRAM = """
import sys, torch
import snn_core as snn
from snn_core.engines.fused import repeated
how = sys.argv[1]
training = how != "inference"
torch.set_num_threads(1)
neuron = snn.Synaptic(alpha=0.8, beta=0.9, learn_beta=training)
def run(steps, batch):
    shape = (batch, 1024) if how == "training of one step, repeated" else (steps, batch, 1024)
    xs = torch.full(shape, 0.4, requires_grad=training)
    spk, last = neuron.unroll(repeated(xs, steps) if xs.dim() == 2 else xs)
    if training:
        spk.sum().backward()
def status(field):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024
assert snn.kernels.choose(neuron, torch.zeros(2, 1, 3)).name == "snn-cpu"
run(40, 1)
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # forget the highest so far
before = status("VmRSS")
run(256, 64)
print(status("VmHWM") - before)
"""


@pytest.mark.parametrize(
    ("how", "megabytes"),
    [
        ("inference", 64 + 64),  # x and the spikes
        ("training", 64 + 64 + 64 + 3.5 + 0.5),  # the gradient of x, seven times two states, and sums of beta
        ("training of one step, repeated", 64 + 0.25 + 3.5 + 1.25),  # sums for the input, too, and no gradient of x
    ],
)
def test_a_call_takes_no_more_than_inputs_outputs_and_some_rows(how: str, megabytes: float) -> None:
    process = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    assert megabytes - 8 < float(process.stdout) < megabytes + 8


def test_a_neuron_that_learns_nothing_of_frozen_input_stores_nothing() -> None:
    neuron, xs = snn.Leaky(beta=0.9), torch.rand(70, 3, 5)
    assert saved_bytes(lambda: neuron.unroll(xs)) == 0
    learning = snn.Leaky(beta=0.9, learn_beta=True)
    assert saved_bytes(lambda: learning.unroll(xs)) > 0
    assert saved_bytes(lambda: learning.requires_grad_(False).unroll(xs)) == 0
