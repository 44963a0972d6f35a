"""Every neuron's kernels on a large sequence, compiled for one GPU of each maker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gpu.binaries import compiled
from gpu.launches import LARGE, Launch, backward, forward
from gpu.targets import TARGETS
from snn_core.kernels.program import StepProgram

from . import checks
from .programs import PROGRAMS, WITHOUT

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
    assert binary.spilled == 0
    checks.rounds_as_written(launch, binary)
    checks.loads_ahead(binary)
    checks.vectorized(launch, binary)
