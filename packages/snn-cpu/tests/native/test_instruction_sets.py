"""Every instruction set gives the same bits: torch's own switch holds the kernels to each in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import torch

PROGRAM = """
import ctypes, hashlib, json, sys, torch
from snn_cpu import library
from snn_cpu.models import DERIVATIVES, MODELS, RESETS
assert library.load()[0]
ops, found, number = torch.ops.snn_cpu, {}, 0

def drawn(*shape):  # by integers, which every instruction set computes alike
    global number
    number += 1
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 7919 + number * 104729) % 20011).double().div(20011).view(shape)

def digest(tensors):
    assert all(t.isfinite().all() for t in tensors)
    return hashlib.sha256(b"".join(ctypes.string_at(t.data_ptr(), t.nbytes) for t in tensors)).hexdigest()

own_states, own_constants = (1, 2, 3), (3, 3, 4)
for dtype in (torch.float32, torch.float64):
    for code, recurrent in sorted({(m.code, m.recurrent) for m in MODELS.values()}):
        for reset in sorted(set(RESETS.values())):
            for surrogate in DERIVATIVES.values():
                x = (drawn(45, 79) - 0.4).to(dtype)
                states = [(drawn(79) - 0.3).to(dtype) for _ in range(own_states[code] + recurrent)]
                constants = [(drawn(79) * 0.4 + 0.3).to(dtype) for _ in range(own_constants[code] + 2 * recurrent)]
                how = code, reset, recurrent
                *out, stored = ops.scan_forward(x, states, constants, *how, True, True)
                grads = [(drawn(*o.shape) - 0.5).to(dtype) for o in out]
                sums = (1 << len(constants)) - 1
                given = grads[0], grads[1:], x, states, constants, stored
                back = ops.scan_backward(*given, *how, surrogate, 1.5, 0.25, True, True, sums)
                found[f"{dtype} {how} {surrogate}"] = [digest(out), digest(back)]
    for channels in (1, 7, 45):
        windows = (3, 2), (2, 1), (1, 1)
        out, place = ops.max_pool2d((drawn(5, 8, 9, channels) - 0.5).to(dtype), *windows)
        back = ops.max_pool2d_gradient(drawn(*out.shape).to(dtype), place, 8, 9, *windows)
        found[f"{dtype} max_pool2d {channels}"] = [digest([out, place]), digest([back])]
json.dump([ops.instruction_set(), found], sys.stdout)
"""

# from the widest to the processor's baseline, in the words of torch; one of another kind has only its baseline
SWITCHES = {"avx512": "x86-64-v4", "avx2": "x86-64-v3", "default": "baseline"}


def run(switch: str) -> tuple[str, dict[str, list[str]]]:
    """What ran, and a digest of what it gave."""
    command, environment = [sys.executable, "-c", PROGRAM], os.environ | {"ATEN_CPU_CAPABILITY": switch}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    name, found = json.loads(done.stdout)
    return name, found


def test_every_instruction_set_gives_the_same_bits() -> None:
    ran = {switch: run(switch) for switch in SWITCHES}
    widest = torch.ops.snn_cpu.instruction_set()
    names = list(SWITCHES.values())
    for switch, wanted in SWITCHES.items():
        name, found = ran[switch]
        assert name == names[max(names.index(wanted), names.index(widest))]
        assert found == ran["default"][1]
