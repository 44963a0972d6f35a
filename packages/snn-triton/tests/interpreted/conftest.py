"""Tests in Triton's interpreter, which is asked for by ``TRITON_INTERPRET=1``: without it they fail."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from snn_core.neuron import choice
from snn_triton.engine import Engine

from .comparison import offered
from .functions import FUNCTIONS


@pytest.fixture(scope="session", autouse=True)
def interpreted() -> None:
    """The interpreter is on, which Triton reads when a kernel is made."""
    assert os.environ.get("TRITON_INTERPRET") == "1", "these tests run kernels on a CPU: set TRITON_INTERPRET=1"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Numbers become infinite or NaN without a warning of NumPy."""
    with np.errstate(all="ignore"):
        yield


@pytest.fixture(autouse=True)
def spoiled_memory() -> Iterator[None]:
    """Fill a kernel's outputs with NaN first, so that an element left unwritten shows."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(before)


@pytest.fixture(scope="session")
def narrow_engine() -> Engine:
    """An engine whose blocks are so small that a few columns take several."""
    return Engine("cpu", 8, FUNCTIONS)


@pytest.fixture(scope="session")
def wide_engine() -> Engine:
    """An engine for many columns: the interpreter takes its time by block, not by column."""
    return Engine("cpu", 256, FUNCTIONS)


@pytest.fixture
def narrow(narrow_engine: Engine) -> Iterator[Engine]:
    """The engine of narrow blocks, and no kernel or engine besides it."""
    with offered(narrow_engine):
        yield narrow_engine


@pytest.fixture
def wide(wide_engine: Engine) -> Iterator[Engine]:
    """The engine of wide blocks, and no kernel or engine besides it."""
    with offered(wide_engine):
        yield wide_engine


@pytest.fixture
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neurons with weights run by their programs even where that gains nothing."""
    monkeypatch.setattr(choice, "LEAST_STEPS", 1)
    monkeypatch.setattr(choice, "LEAST_NEURONS", 1)
