"""Arrays too large for the caches are written past them, which changes no bit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from .specification import KINDS, backward, case, random_gradients, same_bits

NONE, ALL = 2**62, 0  # sizes of the cache with which no array and every array is too large for it


@pytest.fixture(autouse=True)
def usual_cache() -> Iterator[None]:
    """The size of the cache that the library found, again after every test."""
    before = torch.ops.snn_cpu.set_cache_size(NONE)
    yield
    torch.ops.snn_cpu.set_cache_size(before)


def outcome(cache: int, family: str, reset: str, delay: bool, **options) -> list[Tensor]:
    torch.ops.snn_cpu.set_cache_size(cache)
    sample = case(family, reset, delay, **options).fresh()
    out = sample.by_kernel()
    return [*out, *backward(sample, out, random_gradients(out))]


# rows of 16 float32 or 8 float64 fill whole lines of memory, and only such are streamed
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("columns", [0, 1, 16, 24, 512, 528, 1031, 1040])
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_streaming_changes_no_bit(family: str, reset: str, delay: bool, columns: int, dtype: torch.dtype) -> None:
    for trace in (False, True):
        options = {"shape": (1, columns), "steps": 35, "dtype": dtype, "trace": trace}
        expected, result = (outcome(cache, family, reset, delay, **options) for cache in (NONE, ALL))
        for f, e in zip(result, expected, strict=True):
            same_bits(f, e)


def test_data_streamed_by_one_thread_are_read_by_another() -> None:
    options = {"shape": (4, 1024), "steps": 100}
    expected = outcome(NONE, "leaky", "subtract", True, **options)
    torch.set_num_threads(2)
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(outcome, ALL, "leaky", "subtract", True, **options) for _ in range(40)]
        for run in runs:
            for f, e in zip(run.result(), expected, strict=True):
                same_bits(f, e)


def test_arrays_larger_than_any_cache_come_out_as_the_steps_compute_them() -> None:
    sample = case("leaky", "zero", True, shape=(16, 4096), steps=64)  # four arrays of 16 MiB
    torch.ops.snn_cpu.set_cache_size(32 * 2**20)
    through, straight = sample.fresh(), sample.fresh()
    out, expected = through.by_kernel(), straight.by_steps()
    for f, e in zip(out, expected, strict=True):
        same_bits(f, e)
    gradients = random_gradients(expected)
    result, expected_gradients = backward(through, out, gradients), backward(straight, expected, gradients)
    torch.testing.assert_close(result[0], expected_gradients[0], rtol=1e-5, atol=1e-6)


def test_a_cache_of_negative_size_is_refused() -> None:
    with pytest.raises(RuntimeError, match="number of bytes >= 0, got -1"):
        torch.ops.snn_cpu.set_cache_size(-1)
