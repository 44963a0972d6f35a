"""Random numbers of tests, the same in every run, whichever tests ran before."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

__all__ = ["seeded"]

# the same examples every time, on a machine of any speed
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Every test starts from the same global seed and leaves the global generator as it found it."""
    torch = sys.modules.get("torch")  # which a test of the tools may do without
    if torch is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
