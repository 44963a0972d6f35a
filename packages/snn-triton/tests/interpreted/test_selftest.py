"""The short test of the kernels passes where they are right, and fails where they are not."""

from __future__ import annotations

from typing import Any

import pytest

from snn_triton import kernels, selftest
from snn_triton.engine import Engine
from snn_triton.source import Source

from .comparison import offered
from .functions import FUNCTIONS


def test_every_check_passes(wide_engine: Engine) -> None:
    with offered(wide_engine):
        assert [check for check in selftest("cpu") if not check.ok] == []


def test_a_wrong_kernel_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = kernels.kernel

    def wrong(source: Source, functions: Any) -> Any:
        return kernel(source._replace(text=source.text.replace("carried_mem +", "0.5 * carried_mem +")), functions)

    monkeypatch.setattr("snn_triton.engine.kernel", wrong)
    with offered(Engine("cpu", 256, FUNCTIONS)):
        outcomes = {check.name: check.ok for check in selftest("cpu")}
    assert not outcomes["Leaky, float32"]
    assert not outcomes["Synaptic, float64"]
