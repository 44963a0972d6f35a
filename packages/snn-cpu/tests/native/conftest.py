"""Tests of the compiled library: without it they fail, and nothing is skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

from snn_core import kernels
from snn_cpu import library

# the same examples every time, on a machine of any speed
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def loaded() -> None:
    """The library is loaded and its kernels are registered."""
    ok, reason = library.load()
    assert ok, f"these tests need the compiled library, but {reason}"
    assert ("cpu", True, reason) in kernels.status()


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Every test starts from the same global seed and number of threads, and leaves both as it found them."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)
