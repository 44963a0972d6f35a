"""Make the tables of docs/gpu.md: the resources that kernels need, and the time that a GPU's memory allows."""

from __future__ import annotations

from importlib.metadata import version

import torch

import snn_core as snn
from bench.tables import Table
from bench.workloads import WORKLOADS
from gpu.binaries import compiled
from gpu.launches import LARGE, Sizes, backward, forward
from gpu.targets import DEVICES, TARGETS
from gpu.traffic import loop, moved
from snn_core.programs.program import StepProgram
from trust.neurons import zoo

WORKLOAD = WORKLOADS["W1a"]
NEURONS = {"Leaky": "leaky", "Synaptic": "synaptic", "ALIF": "alif", "SEAdLIF": "seadlif", "AdEx": "adex"}
NEURONS |= {"a custom neuron with two states": "a user's adaptive neuron"}
"""Titles of the rows, each with the neuron's name in ``zoo.py`` of snn-core's tests."""


def needs() -> str:
    """Return the table of registers, shared memory and occupancy, for each neuron and GPU."""
    rows = []
    for title, program in _programs().items():
        for name, launch in (
            ("forward", forward(program, LARGE, save=True)),
            ("backward", backward(program, LARGE)),
        ):
            cells = []
            for target in TARGETS.values():
                binary = compiled(launch, target)
                cells.append(f"{binary.registers} / {binary.shared / 1024:g} / {binary.occupancy:.0%}")
            rows.append([f"{title}, {name}", *cells])
    table = Table("Needs", ["", *(f"{target.title}, {name}" for name, target in TARGETS.items())], rows)
    return f"{table.markdown(padded=False)}\n\nCompiled by Triton {version('triton')}."


def roofline() -> str:
    """Return the table of bytes and of the shortest possible times."""
    sizes = Sizes(WORKLOAD.steps, (WORKLOAD.batch, WORKLOAD.out))
    rows = []
    for title, program in _programs().items():
        rows.append([title, *_row(program, sizes)])
        if title == "Leaky":
            rows.append([f"{title}, bfloat16", *_row(program, sizes._replace(dtype=torch.bfloat16))])
    head = ["", "bytes, forward", "bytes, backward", "bytes, loop", "kernels, loop"]
    head += [f"{device.title}: fused, loop" for device in DEVICES]
    return Table("Roofline", head, rows).markdown(padded=False)


def _row(program: StepProgram, sizes: Sizes) -> list[str]:
    there, back = moved(forward(program, sizes, save=True)), moved(backward(program, sizes))
    apart = loop(program, sizes.steps, sizes.dtype.itemsize)
    columns = WORKLOAD.batch * WORKLOAD.out
    times = [
        ", ".join(f"{total * columns / device.bandwidth * 1e6:.0f} µs" for total in (there + back, apart.bytes))
        for device in DEVICES
    ]
    a_step = [f"{total / sizes.steps:.1f}" for total in (there, back, apart.bytes)]
    return [*a_step, f"{apart.kernels:,}", *times]


def _programs() -> dict[str, StepProgram]:
    cases = {case.name: case for case in zoo.NEURONS}
    return {title: snn.program(cases[name].make().float()) for title, name in NEURONS.items()}
