"""Any number of threads gives the same bits, of torch's own and of Python's that call kernels at the same time."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from .specification import KINDS, backward, case, random_gradients, same_bits


def outcome(family: str, reset: str, delay: bool, **options) -> list[Tensor]:
    """Outputs and all gradients, those of shared constants, which are sums over columns, included."""
    sample = case(family, reset, delay, **options).fresh()
    out = sample.by_kernel()
    return [*out, *backward(sample, out, random_gradients(out))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_the_number_of_threads_changes_no_bit(family: str, reset: str, delay: bool, dtype: torch.dtype) -> None:
    # 3111 columns of 33 steps are enough for a dozen threads, whose shares end within blocks
    options = {"shape": (3, 17, 61), "steps": 33, "dtype": dtype}
    torch.set_num_threads(1)
    expected = outcome(family, reset, delay, **options)
    for threads in (2, 3, 4, 7):
        torch.set_num_threads(threads)
        for f, e in zip(outcome(family, reset, delay, **options), expected, strict=True):
            same_bits(f, e)


def test_threads_that_take_and_free_buffers_at_random_get_their_own_numbers() -> None:
    """Eight threads compute on buffers from the pool, keep some for a while, and free them in another thread's turn.

    A buffer that were handed out while it is in use, or freed while it is read, would change a result that is compared
    with the one computed alone; the interpreter's lock is released inside of operators, so that they do overlap.
    """
    kinds = [("leaky", "subtract", True), ("synaptic", "zero", False), ("alpha", "zero", True)]
    sizes = [(64, 1024), (96, 2048), (33, 4096)]  # from 0.5 MB, which malloc gives, to 1.5 MB, which the pool does
    jobs = [(*kind, (columns,), steps) for kind in kinds for steps, columns in sizes]
    options = {"dtype": torch.float64, "trace": True}
    expected = [outcome(f, r, d, shape=shape, steps=steps, **options) for f, r, d, shape, steps in jobs]
    left_behind: list[list[Tensor]] = []

    def work(seed: int) -> None:
        dice, buffers = random.Random(seed), []
        for _ in range(12):
            number = dice.randrange(len(jobs))
            family, reset, delay, shape, steps = jobs[number]
            result = outcome(family, reset, delay, shape=shape, steps=steps, **options)
            buffers.append((number, result))
            if dice.random() < 0.6:
                checked, results = buffers.pop(dice.randrange(len(buffers)))
                for f, e in zip(results, expected[checked], strict=True):
                    same_bits(f, e)
                left_behind.append(results)
            if len(left_behind) > 4:
                left_behind.pop(0)
        for checked, results in buffers:
            for f, e in zip(results, expected[checked], strict=True):
                same_bits(f, e)

    torch.set_num_threads(2)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
