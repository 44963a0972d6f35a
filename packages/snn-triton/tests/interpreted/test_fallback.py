"""Programs that kernels do not take run by the reference, with a reason."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import kernels
from snn_core.programs.program import Instruction, Register
from snn_triton import engine as engines
from snn_triton.engine import Engine

from .comparison import by_steps, drive, offered, same_bits
from .functions import FUNCTIONS
from .test_instructions import of_instructions


def broken(*_: object) -> Any:
    raise RuntimeError("ptxas of another planet\nat line 7")


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine whose kernels do not compile."""
    monkeypatch.setattr(engines, "kernel", broken)
    engine = Engine("cpu", 8, FUNCTIONS)
    with offered(engine):
        yield engine


@pytest.mark.usefixtures("uncompiled")
def test_kernels_that_do_not_compile_are_warned_of_once_and_the_reference_runs() -> None:
    net, xs = nn.Sequential(nn.Linear(5, 4), snn.Leaky(0.9, init_hidden=True)), drive(7, 3, 5, dtype=torch.float32)
    message = "snn-triton: Leaky: its kernels do not compile: RuntimeError: ptxas of another planet"
    with pytest.warns(RuntimeWarning, match=message) as error:
        result, plan = snn.unroll(net, xs, explain=True)
    assert len(error) == 1
    assert "at line 7" in str(error[0].message)
    assert str(error[0].message).endswith("; the reference implementation runs instead")
    reason = next(layer.how for layer in plan.layers if "snn-triton" in layer.how)
    assert "reference" in reason
    assert reason.endswith("snn-triton: its kernels do not compile: RuntimeError: ptxas of another planet)")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = snn.unroll(net, xs)
        choice = kernels.choose(snn.Leaky(0.9), xs)
    assert choice.name == "reference"
    with offered():
        expected = snn.unroll(net, xs)
    for f in (result, again):
        same_bits(f.detach(), expected.detach())


class Own(snn.SpikingNeuron):
    """A user's own neuron."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self, times: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.times = times

    def integrate(self, x: Tensor, state: State) -> State:
        mem = state.mem
        for _ in range(self.times):
            mem = 0.5 * (mem + 0.25)
        return self.State(mem + x)


@pytest.mark.usefixtures("uncompiled")
def test_a_users_own_neuron_is_named_and_runs_by_its_steps() -> None:
    neuron, xs = Own(), drive(7, 3, 5, dtype=torch.float32)
    with pytest.warns(RuntimeWarning, match="snn-triton: Own: its kernels do not compile"):
        result, (mem,) = neuron.unroll(xs)
    expected, (last,) = by_steps(neuron, xs, neuron.State(torch.zeros(3, 5)), False)
    same_bits(result, expected)
    same_bits(mem, last)


def test_an_error_of_a_launch_is_reported_as_one_of_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unlaunched:
        def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
            raise OSError("no driver")

    monkeypatch.setattr(engines, "kernel", lambda *_: Unlaunched())
    with pytest.warns(RuntimeWarning, match="Leaky"):
        reason = Engine("cpu", 8, FUNCTIONS).refuses(snn.program(snn.Leaky(0.9)), torch.float32)
    assert reason == "its kernels do not compile: OSError: no driver"


@pytest.mark.usefixtures("wide")
def test_a_program_that_is_too_long() -> None:
    neuron, xs = Own(250), drive(7, 3, 5, dtype=torch.float32)
    choice = kernels.choose(neuron, xs)
    assert choice.name == "reference"
    assert re.fullmatch(r"snn-triton: a step of \d{3} instructions; its kernel takes up to 400", choice.reason)
    net = nn.Sequential(Own(250, init_hidden=True))
    result, plan = snn.unroll(net, xs, explain=True)
    assert choice.reason in plan.layers[0].how
    expected, _ = by_steps(neuron, xs, neuron.State(torch.zeros(3, 5)), False)
    same_bits(result, expected)


def test_an_instruction_that_is_not_known() -> None:
    program = of_instructions([Instruction("erf", (Register(0),))])
    reason = Engine("cpu", 8, FUNCTIONS).refuses(program, torch.float32)
    assert reason == "a step computes 'erf', which its kernel does not support"


def test_an_input_of_integers() -> None:
    program = snn.program(snn.Leaky(0.9))
    for dtype, name in ((torch.int32, "int32"), (torch.complex64, "complex64")):
        reason = Engine("cpu", 8, FUNCTIONS).refuses(program, dtype)
        assert reason == f"{name} input; the kernels take float32, float16, bfloat16 and float64"


@pytest.mark.usefixtures("wide")
def test_a_constant_a_neuron_of_another_dtype() -> None:
    choice = kernels.choose(snn.Leaky(torch.rand(5)), drive(7, 3, 5))
    reason = "beta has torch.float32 values, one per neuron, but the input is torch.float64"
    assert choice == kernels.Choice("reference", reason)


def test_sources_of_a_program_live_no_longer_than_it() -> None:
    engine = Engine("cpu", 8, FUNCTIONS)
    program = of_instructions([Instruction("abs", (Register(0),))])
    assert engine.refuses(program, torch.float32) is None
    assert len(engine._made._by_program) == 1
    del program
    assert not engine._made._by_program
