"""The tables of docs/gpu.md, and what they are computed from."""

from __future__ import annotations

import re

import pytest
import triton

from gpu.__main__ import written
from gpu.binaries import compiled
from gpu.launches import LARGE, Sizes, backward, forward
from gpu.targets import TARGETS
from gpu.traffic import loop, moved
from workspace import ROOT

from .programs import PROGRAMS

PAGE = ROOT / "docs" / "gpu.md"


def test_the_page_has_the_tables_that_are_computed():
    text = PAGE.read_text(encoding="utf-8")
    new = written(text)
    if f"Compiled by Triton {triton.__version__}." not in text:  # of whose compiler the registers are
        text, new = (re.sub(r"\d+ / [\d.]+ / \d+%|Compiled by .*", "", page) for page in (text, new))
    assert new == text, "python -m gpu docs/gpu.md writes them"


def test_a_page_without_a_mark_is_refused():
    with pytest.raises(ValueError, match="the page needs the lines"):
        written("# On a GPU")


def test_bytes_are_those_counted_by_hand():
    # Leaky over T = 50 steps: 8 a segment, of which 7 begin behind the first step but before the last; 4 bytes a number
    steps, every, segments = 50, 8, 7
    sizes = Sizes(steps, (64, 512))
    assert moved(forward(PROGRAMS["leaky"], sizes)) == 4 * (2 * steps + 2)  # input, spikes; membrane before and behind
    assert moved(forward(PROGRAMS["leaky"], sizes, trace=True)) == 4 * (3 * steps + 1)
    count = segments + 1  # and that of the last step
    assert moved(forward(PROGRAMS["leaky"], sizes, save=True)) == 4 * (2 * steps + 2 + count)
    back = 3 * steps + count + 2  # input, gradients of spikes and input; kept; gradients of the membrane
    anew = (steps - 1) - segments + 2 * (steps - 1)  # input again, but for the last step of each segment; each state
    assert every * (segments - 1) < steps - 1 <= every * segments
    assert moved(backward(PROGRAMS["leaky"], sizes)) == 4 * (back + anew)


def test_a_loop_reads_and_writes_for_each_operation():
    # x * beta, + x, > threshold, ... of Leaky without a reset forward; two products and a sum or so backward
    leaky = PROGRAMS["leaky"]
    operations = len(leaky.forward.instructions)
    single, ten = loop(leaky, 1), loop(leaky, 10)
    assert (10 * single.bytes, 10 * single.kernels) == ten
    assert operations < single.kernels <= operations + len(leaky.backward.instructions)
    assert 2 * 4 * single.kernels <= single.bytes <= 4 * 4 * single.kernels


@pytest.mark.parametrize("target", ["gfx90a", "gfx942", "gfx950", "gfx1100"])
@pytest.mark.parametrize("neuron", ["leaky", "synaptic", "alif", "adex"])
def test_occupancy_of_amd_is_what_llvm_says(neuron: str, target: str):
    kernel = compiled(backward(PROGRAMS[neuron], LARGE), TARGETS[target])
    assert kernel.waves is not None
    assert (
        kernel.target.occupancy(kernel.registers, 0, kernel.threads, kernel.scalars)
        == kernel.waves / kernel.target.warps
    )


def test_occupancy_of_nvidia_is_that_of_published_examples():
    # 2048 threads by 65,536 registers: 32 a thread; 163 of 164 KiB shared memory leave room for one block of 128
    ampere = TARGETS["sm_80"]
    assert [ampere.occupancy(registers, 0, 256) for registers in (32, 33, 64, 128, 255)] == [1, 0.75, 0.5, 0.25, 0.125]
    assert ampere.occupancy(32, 163 * 1024, 128) == 4 / 64
    assert TARGETS["sm_120"].occupancy(32, 0, 128) == 1
