"""Triton compiles for GPUs that are not there."""

from __future__ import annotations

import pytest
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


@triton.jit
def leaky_step(x, mem, beta, out, n, block: tl.constexpr):
    at = tl.program_id(0) * block + tl.arange(0, block)
    there = at < n
    value = beta * tl.load(mem + at, mask=there) + tl.load(x + at, mask=there)
    tl.store(out + at, value, mask=there)


@pytest.mark.parametrize(
    ("target", "binary", "joined"),
    [(GPUTarget("cuda", 90, 32), "ptx", "fma.rn.f32"), (GPUTarget("hip", "gfx942", 64), "amdgcn", "v_fmac_f32")],
    ids=["cuda", "hip"],
)
def test_a_kernel_compiles_and_joins_a_product_with_a_sum_only_where_that_is_allowed(target, binary, joined):
    signature = {"x": "*fp32", "mem": "*fp32", "beta": "fp32", "out": "*fp32", "n": "i32", "block": "constexpr"}
    source = ASTSource(leaky_step, signature=signature, constexprs={"block": 256})
    for fused in (False, True):
        made = triton.compile(source, target=target, options={"num_warps": 4, "enable_fp_fusion": fused})
        assert (joined in made.asm[binary]) == fused
