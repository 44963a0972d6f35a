"""Each check fails where what it looks for is there."""

from __future__ import annotations

import pytest
import torch

from gpu.binaries import compiled
from gpu.launches import LARGE, Launch, Sizes, backward, forward
from gpu.targets import TARGETS

from . import checks, listings
from .programs import PROGRAMS

LEAKY = PROGRAMS["leaky"]
MAKERS = pytest.mark.parametrize("target", ["sm_90", "gfx942"])


def changed(launch: Launch, old: str, new: str) -> Launch:
    """The launch of another kernel, of which a part of the text is another."""
    text = launch.source.text
    assert old in text
    return launch._replace(source=launch.source._replace(text=text.replace(old, new)))


@MAKERS
def test_a_product_and_a_sum_that_are_rounded_once_are_found(target: str):
    launch = forward(LEAKY, LARGE)
    fused = compiled(launch, TARGETS[target], enable_fp_fusion=True)
    assert listings.fused_products(fused)
    with pytest.raises(AssertionError):
        checks.rounds_as_written(launch, fused)


def test_they_are_found_in_what_the_gpu_runs():
    launch = forward(LEAKY, LARGE)
    assert listings.fused_in_code(compiled(launch, TARGETS["sm_90"], enable_fp_fusion=True))
    assert not listings.fused_in_code(compiled(launch, TARGETS["sm_90"]))


def test_flags_by_which_llvm_may_contract_are_found():
    plain = compiled(forward(LEAKY, LARGE), TARGETS["gfx942"])
    llir = plain.texts["llir"].replace(" = fadd ", " = fadd contract ")
    assert listings.contracting_flags(plain._replace(texts=plain.texts | {"llir": llir}))


def test_an_approximation_is_found():
    divides = backward(LEAKY, LARGE)
    assert not listings.approximations(compiled(divides, TARGETS["sm_90"]))
    assert listings.approximations(
        compiled(changed(divides, "tl.div_rn(", "libdevice.fast_dividef("), TARGETS["sm_90"])
    )


def test_a_kernel_that_requests_too_much_is_found():
    huge = compiled(backward(PROGRAMS["adex"], LARGE), TARGETS["sm_90"], BLOCK=8192)
    assert huge.shared > checks.SHARED["cuda"]
    assert listings.spills_in_steps(huge)
    with pytest.raises(AssertionError):
        checks.fits(huge)


def test_registers_of_amd_that_go_to_memory_are_found():
    huge = compiled(backward(PROGRAMS["synaptic"], LARGE), TARGETS["gfx942"], BLOCK=4096, num_warps=1)
    assert huge.spilled
    with pytest.raises(AssertionError):
        checks.fits(huge)


def test_values_that_go_to_other_threads_in_a_loop_are_found():
    apart = Sizes(20, (513, 513))
    assert listings.conversions_in_loops(compiled(forward(LEAKY, apart), TARGETS["sm_90"], BLOCK=512))


def test_loads_that_wait_are_found():
    half = Sizes(20, (64, 512), dtype=torch.float16)
    assert listings.waiting_loads(compiled(forward(LEAKY, half), TARGETS["sm_90"], BLOCK=128))
    assert listings.waiting_loads(
        compiled(changed(forward(LEAKY, LARGE), "num_stages=4", "num_stages=1"), TARGETS["sm_90"])
    )


@MAKERS
def test_threads_that_do_not_wait_for_each_other_are_found(target: str):
    assert listings.unordered(compiled(changed(backward(LEAKY, LARGE), "tl.debug_barrier()", "pass"), TARGETS[target]))


@MAKERS
def test_narrow_reads_and_writes_are_found(target: str):
    launch = forward(LEAKY, LARGE._replace(contiguous=False), save=True)
    with pytest.raises(AssertionError):
        checks.vectorized(launch, compiled(launch, TARGETS[target]))
