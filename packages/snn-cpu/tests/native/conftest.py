"""Tests of the compiled library: without it they fail, and nothing is skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from snn_core import kernels
from snn_cpu import library


@pytest.fixture(scope="session", autouse=True)
def loaded() -> None:
    """The library is loaded and its kernels are registered."""
    ok, reason = library.load()
    assert ok, f"these tests need the compiled library, but {reason}"
    assert ("cpu", True, reason) in kernels.status()


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """Every test leaves the number of threads as it found it."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
