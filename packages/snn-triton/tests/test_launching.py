"""Tests of launches: the number of threads, and the number of registers after a launch that had too few."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

import snn_core as snn
from snn_core.engines import Arguments
from snn_triton import engine as engines
from snn_triton.engine import REGISTERS, Engine, warps


class Kernel:
    """Stands where a kernel of Triton does: notes the options of its launches, and keeps values in memory."""

    def __init__(self, name: str, spilled: int) -> None:
        self.name, self.spilled, self.launches = name, spilled, []

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        def launch(*_: Any, **options: Any) -> SimpleNamespace:
            self.launches.append(options)
            return SimpleNamespace(n_spills=self.spilled)

        return launch


def launches(spilled: int, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of three launches of one kernel."""
    kernels: list[Kernel] = []

    def kernel(source: Any, functions: Any) -> Kernel:
        kernels.append(Kernel(source.name, spilled))
        return kernels[-1]

    monkeypatch.setattr(engines, "kernel", kernel)
    program, runs = snn.program(snn.Leaky(beta=0.9)), Engine("cpu")
    for _ in range(3):
        runs.forward(program, Arguments(torch.zeros(5, 3), [torch.zeros(3)], [torch.ones(())] * 2, False), save=False)
    (result,) = kernels
    return result.launches


def test_a_kernel_that_keeps_values_in_memory_gets_more_registers_from_its_second_launch_on(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(torch.version, "hip", None)
    first, *others = launches(8, monkeypatch)
    assert "maxnreg" not in first
    assert others == [first | {"maxnreg": REGISTERS}] * 2


def test_a_kernel_that_has_registers_enough_is_left_to_the_compiler(monkeypatch: pytest.MonkeyPatch):
    first, *others = launches(0, monkeypatch)
    assert "maxnreg" not in first
    assert others == [first] * 2


def test_amd_has_no_such_option(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.version, "hip", "7.0")
    first, *others = launches(8, monkeypatch)
    assert "maxnreg" not in first
    assert others == [first] * 2


@pytest.mark.parametrize("lanes", [32, 64])
@pytest.mark.parametrize("block", [2, 32, 64, 128, 256, 512])
def test_no_thread_is_without_a_column(block: int, lanes: int):
    number = warps(block, lanes)
    assert number in (1, 2, 4)
    assert number == 1 or number * lanes <= block
