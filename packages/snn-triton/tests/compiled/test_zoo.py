"""Every neuron's kernels on a large sequence, compiled for one GPU of each maker, with every option for NVIDIA's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gpu.binaries import compiled
from gpu.launches import LARGE, Launch, backward, forward
from gpu.targets import TARGETS
from snn_core.programs.program import StepProgram

from . import checks
from .programs import PROGRAMS, VARIANTS, WITHOUT

KINDS: dict[str, Callable[[StepProgram], Launch]] = {
    "forward": lambda program: forward(program, LARGE, save=True),
    "traced": lambda program: forward(program, LARGE, trace=True),
    "backward": lambda program: backward(program, LARGE),
}


def test_only_convolutions_have_no_program():
    assert {"rleaky conv", "sconv2dlstm", "sconv2dlstm pooled"} == WITHOUT


@pytest.mark.parametrize("target", ["sm_90", "gfx942"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("neuron", PROGRAMS)
def test_a_kernel_fits_rounds_as_written_and_loads_ahead(neuron: str, kind: str, target: str):
    launch = KINDS[kind](PROGRAMS[neuron])
    binary = compiled(launch, TARGETS[target])
    checks.fits(binary)
    checks.rounds_as_written(launch, binary)
    checks.loads_ahead(binary)
    checks.vectorized(launch, binary)


@pytest.mark.parametrize("target", ["sm_80", "sm_90", "sm_100", "sm_120"])
@pytest.mark.parametrize("neuron", sorted(VARIANTS.keys() - PROGRAMS.keys()))
def test_no_option_takes_more_registers_than_exist(neuron: str, target: str):
    checks.fits(compiled(backward(VARIANTS[neuron], LARGE), TARGETS[target]))
