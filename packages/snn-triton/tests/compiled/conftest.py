"""Tests that compile: without Triton's compiler they fail, and nothing is skipped."""

from __future__ import annotations

import pytest
import triton


@pytest.fixture(scope="session", autouse=True)
def compiles() -> None:
    """Kernels are compiled, not interpreted."""
    assert not triton.knobs.runtime.interpret, "these tests need Triton's compiler: unset TRITON_INTERPRET"
