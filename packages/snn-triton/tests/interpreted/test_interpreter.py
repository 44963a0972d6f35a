"""The interpreter of Triton runs kernels on CPU tensors."""

from __future__ import annotations

import torch
import triton
import triton.language as tl


@triton.jit
def leaky_step(x, mem, beta, out, n, block: tl.constexpr):
    at = tl.program_id(0) * block + tl.arange(0, block)
    there = at < n
    value = beta * tl.load(mem + at, mask=there) + tl.load(x + at, mask=there)
    tl.store(out + at, value, mask=there)


def test_a_kernel_runs_on_cpu_tensors_and_leaves_what_is_behind_their_end():
    x, mem, out = torch.arange(7.0), torch.full((7,), 2.0), torch.full((8,), -1.0)
    leaky_step[(2,)](x, mem, 0.5, out, 7, block=4)
    assert out.tolist() == [1, 2, 3, 4, 5, 6, 7, -1]
