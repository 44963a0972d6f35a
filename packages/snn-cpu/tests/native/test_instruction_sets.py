"""Every instruction set gives the same bits: torch's own switch holds the kernels to each in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import torch

PROGRAM = """
import ctypes, hashlib, itertools, json, sys, torch
import snn_core as snn
from snn_core.engines import Arguments, Upstream
from snn_core.surrogate import closed_form
from snn_cpu import library
from snn_cpu.interpreter import Interpreter
assert library.load()[0]
ops, found, number, machine = torch.ops.snn_cpu, {}, 0, Interpreter()

def spread(*shape):  # by integers, which every instruction set computes alike
    global number
    number += 1
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 7919 + number * 104729) % 20011).double().div(20011).view(shape)

def digest(tensors):
    assert all(t.isfinite().all() for t in tensors)
    return hashlib.sha256(b"".join(ctypes.string_at(t.data_ptr(), t.nbytes) for t in tensors)).hexdigest()

resets = [*itertools.product(("none", "subtract", "zero"), (True, False), ["fast_sigmoid"])]
kinds = [*resets, *(("subtract", True, name) for name in closed_form.KINDS)]
options = dict(threshold=torch.rand(79), learn_threshold=True)
neurons = dict(
    leaky=lambda **more: snn.Leaky(torch.rand(79), learn_beta=True, **options, **more),
    synaptic=lambda **more: snn.Synaptic(torch.rand(79), torch.rand(79), learn_alpha=True, **options, **more),
    alpha=lambda **more: snn.Alpha(0.9, 0.8, learn_beta=True, **options, **more),
    rleaky=lambda **more: snn.RLeaky(torch.rand(79), all_to_all=False, learn_beta=True, **options, **more),
)
for neuron, (reset, delay, name) in itertools.product(neurons, kinds):
    made = neurons[neuron](reset_mechanism=reset, reset_delay=delay, spike_grad=closed_form.KINDS[name]()).double()
    program = snn.program(made, axes=1, dtype=torch.float64)
    for dtype in (torch.float32, torch.float64):
        x, states = (spread(45, 79) - 0.4).to(dtype), [(spread(79) - 0.3).to(dtype) for _ in program.states]
        tensors = x, states, [(spread(79) * 0.4 + 0.3).to(dtype) for _ in program.coefficients]
        call = Arguments(*tensors, trace=True)
        out, saved = machine.forward(program, call, True)
        grads = [(spread(*o.shape) - 0.5).to(dtype) for o in out]
        back = machine.backward(program, call, Upstream(grads, saved, (True,)), (79,))
        found[f"{neuron} {reset} {delay} {name} {dtype}"] = [digest(out), digest(back)]
for dtype in (torch.float32, torch.float64):
    for operation in range(2, 50):  # of step programs, on a row, a row and a number
        x, row = ((spread(3, 79) - 0.5) * 8).to(dtype), (spread(79) * 2 + 0.1).to(dtype)
        code = torch.tensor([[0, 0, 0], [33, 0, 0], [operation, 1, 2], [1, 3, 0]])  # of the size of x
        numbers = torch.tensor([0.7], dtype=torch.float64)
        out = ops.program_forward(code, 0, numbers, x, [], [row], False, False)
        found[f"{dtype} operation {operation}"] = [digest(out)]
    for channels in (1, 7, 45):
        windows = (3, 2), (2, 1), (1, 1)
        out, place = ops.max_pool2d((spread(5, 8, 9, channels) - 0.5).to(dtype), *windows)
        back = ops.max_pool2d_gradient(spread(*out.shape).to(dtype), place, 8, 9, *windows)
        found[f"{dtype} max_pool2d {channels}"] = [digest([out, place]), digest([back])]
    out, state = torch.empty(1500, dtype=dtype), torch.Generator().manual_seed(5).get_state()
    ops.bernoulli_(state, out, 0.3)
    found[f"{dtype} bernoulli"] = [digest([out, state])]
    for channels in (1, 7, 45):
        x, weight = (spread(3, 50, channels) - 0.5).to(dtype), spread(channels).to(dtype)
        out, means, variances, scales = ops.batch_norm(x, weight, weight, 1e-3)
        back = ops.batch_norm_gradient((spread(3, 50, channels) - 0.5).to(dtype), x, weight, means, scales)
        found[f"{dtype} batch_norm {channels}"] = [digest([out, means, variances, scales]), digest(back)]
    for channels, outputs, stride, binary in itertools.product((1, 3, 20), (1, 5, 16, 39), (1, 2), (True, False)):
        x = spread(5 * 8, 9 * channels).to(dtype)
        x = torch.where(x < 0.3, 1 if binary else x - 0.2, 0).to(dtype)
        bits, active, _ = ops.pack(x, x.numel(), False)
        values, moves = None if binary else x, ((stride, stride), (1, 2))
        weight = (spread(outputs, channels, 3, 4) - 0.5).to(dtype)
        out, _ = ops.sparse_convolution(bits, values, active, weight, spread(outputs).to(dtype), (8, 9), *moves)
        grad, sizes = (spread(*out.shape) - 0.5).to(dtype), (channels, (8, 9), (3, 4), *moves)
        back = ops.sparse_convolution_gradient(bits, values, grad, *sizes)[:2]
        found[f"{dtype} convolution {channels} {outputs} {stride} {binary}"] = [digest([bits, out]), digest(back)]
    for columns in (1, 3, 10, 16, 17, 70):
        bits, _, _ = ops.pack((spread(67, 300) < 0.3).to(dtype), 67 * 300, True)
        out, _ = ops.spike_product(bits, (spread(columns, 300) - 0.5).to(dtype), spread(columns).to(dtype))
        back = ops.spike_product_gradient(bits, (spread(67, columns) - 0.5).to(dtype), 300)[:2]
        found[f"{dtype} product {columns}"] = [digest([bits, out]), digest(back)]
json.dump([ops.instruction_set(), found], sys.stdout)
"""

# from the widest to the processor's baseline, in the words of torch; one of another kind has only its baseline
SWITCHES = {"avx512": "x86-64-v4", "avx2": "x86-64-v3", "default": "baseline"}


def run(switch: str) -> tuple[str, dict[str, list[str]]]:
    """Return what ran, with a digest of its results."""
    command, environment = [sys.executable, "-c", PROGRAM], os.environ | {"ATEN_CPU_CAPABILITY": switch}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    name, report = json.loads(process.stdout)
    return name, report


def test_every_instruction_set_gives_the_same_bits() -> None:
    names = list(SWITCHES.values())
    widest = names.index(torch.ops.snn_cpu.instruction_set())
    # torch does what a switch says on processors that cannot, too
    ran = {switch: run(switch) for switch, name in SWITCHES.items() if names.index(name) >= widest}
    assert [name for name, _ in ran.values()] == names[widest:]
    for _, result in ran.values():
        assert result == ran["default"][1]
