"""Tests of every package draw the same numbers in every run; some ask for a compiler that has compiled nothing yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from repeatable import pytest_make_collect_report, seeded

__all__ = ["fresh_compiler", "pytest_make_collect_report", "seeded"]


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Compiled code of one test is not reused, or counted as a recompilation, in the next."""
    import torch

    torch.compiler.reset()
    yield
    torch.compiler.reset()
