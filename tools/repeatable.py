"""A pytest plugin that gives tests the same random numbers in every run, whichever tests ran before."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings

__all__ = ["pytest_make_collect_report", "seeded"]

# the same examples every time, on a machine of any speed
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Start every test from the same global seed, and restore the global generator after it."""
    with _from_the_same_seed():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Import every test file from that seed too, as torch seeds each process differently."""
    if not isinstance(collector, pytest.Module):
        return (yield)
    with _from_the_same_seed():
        return (yield)


@contextmanager
def _from_the_same_seed() -> Iterator[None]:
    if importlib.util.find_spec("torch") is None:  # tests of the tools may run without torch
        yield
        return
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
