"""A kernel of Triton runs on the GPU of this machine."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from snn_triton import selftest


@triton.jit
def leaky_step(x, mem, beta, out, n, block: tl.constexpr):
    at = tl.program_id(0) * block + tl.arange(0, block)
    there = at < n
    value = beta * tl.load(mem + at, mask=there) + tl.load(x + at, mask=there)
    tl.store(out + at, value, mask=there)


def test_a_kernel_gives_on_the_gpu_what_torch_gives_there():
    generator = torch.Generator("cuda").manual_seed(0)
    x, mem = (torch.rand(1001, device="cuda", generator=generator) for _ in range(2))
    out = torch.empty_like(x)
    leaky_step[(triton.cdiv(1001, 128),)](x, mem, 0.5, out, 1001, block=128)  # a half is exact, fused or not
    assert torch.equal(out, 0.5 * mem + x)


def test_every_check_of_the_self_test_passes():
    assert [check for check in selftest() if not check.ok] == []
