"""The half for the IPU's host runs in a process of its own, under this Python, or under the one of ``SNN_IPU_PYTHON``.

That variable names an interpreter with torch, such as Python 3.8 with torch 2.0.1.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
import torch
from torch.utils._pytree import tree_flatten

import snn_core as snn
import snn_ipu
from snn_ipu.program import arrays

from . import nets

SOURCE = pathlib.Path(snn_ipu.__file__).parent.parent
PROGRAM = pathlib.Path(__file__).parent / "device_half.py"


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    """A bundle of every neuron, with each surrogate in one of them, and what snn-core gives for it."""
    surrogates = sorted(set(nets.SURROGATES) - {"none"})
    names = [*nets.NEURONS, *(f"leaky {s}" for s in surrogates)]
    for index, name in enumerate(names):
        surrogate = name[len("leaky ") :] if index >= len(nets.NEURONS) else surrogates[index % len(surrogates)]
        spike_grad = nets.SURROGATES[surrogate]
        net = nets.projected(name if index < len(nets.NEURONS) else "leaky", spike_grad=spike_grad)
        write(net, tmp_path / f"{index:02}")
    return tmp_path


def write(net: torch.nn.Module, path: pathlib.Path) -> None:
    xs = nets.example(batch=4)
    snn_ipu.export(net, xs, path, loss="ce_rate")
    outs = tree_flatten(snn.unroll(net, xs))[0]
    weigh = [torch.randn_like(out) for out in outs]
    sum((out * w).sum() for out, w in zip(outs, weigh)).backward()
    expected = {"x": xs.transpose(0, 1)}
    expected.update({f"out.{i}": out.transpose(0, 1) for i, out in enumerate(outs)})
    expected.update({f"weigh.{i}": w.transpose(0, 1) for i, w in enumerate(weigh)})
    expected.update({f"grad.{name}": p.grad for name, p in net.named_parameters() if p.grad is not None})
    arrays.write(path / "expected.npz", expected)


def test_the_device_half_gives_what_the_core_gives(folder):
    python = os.environ.get("SNN_IPU_PYTHON", sys.executable)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    command = [python, "-W", "ignore", str(PROGRAM), str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder.parent)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith(f"{len(nets.NEURONS) + len(nets.SURROGATES) - 1} bundles on Python")
    print(process.stdout)
