"""Fixtures that tests of several files share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Compiled code of one test is not reused, or counted as a recompilation, in the next."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()
