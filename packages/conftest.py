"""Fixtures for the tests of all packages: the same random numbers in every run, and a compiler with an empty cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from repeatable import pytest_make_collect_report, seeded

__all__ = ["fresh_compiler", "pytest_make_collect_report", "seeded"]


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Reset the compiler before and after a test: tests share no compiled code, and no count of recompilations."""
    import torch

    torch.compiler.reset()
    yield
    torch.compiler.reset()
