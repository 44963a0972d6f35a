"""Neurons with linear layers of their own: the machine between products of torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import kernels
from snn_core.engines.registry import loop
from snn_cpu.interpreter import Interpreter

CELLS: dict[str, Callable[[], Any]] = {
    "slstm": partial(snn.SLSTM, 21, 67, threshold=0.05),
    "slstm that resets": partial(snn.SLSTM, 21, 67, threshold=0.05, reset_mechanism="subtract", learn_threshold=True),
    "slstm of many inputs": partial(snn.SLSTM, 513, 67, bias=False, threshold=0.05),
}


def outcome(run: Callable[[], Any], neuron: Any, xs: Tensor, trace: bool) -> list[Tensor]:
    neuron.zero_grad()
    xs.grad = None
    spk, last = run()
    outs = [spk, *last]
    generator = torch.Generator().manual_seed(3)
    weights = [torch.randn(out.shape, generator=generator, dtype=torch.float64).to(out.dtype) for out in outs]
    torch.autograd.backward(outs, weights)
    assert xs.grad is not None
    return [*(out.detach() for out in outs), xs.grad, *(p.grad for p in neuron.parameters() if p.grad is not None)]


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("steps", [8, 35])
@pytest.mark.parametrize("name", CELLS)
def test_values_and_all_gradients_are_those_of_the_loop(name: str, steps: int, dtype: torch.dtype, trace: bool) -> None:
    torch.manual_seed(1)
    neuron = CELLS[name]().to(dtype)
    xs = torch.randn(steps, 33, neuron.input_size, dtype=dtype, requires_grad=True)
    assert kernels.choose(neuron, xs).name == "snn-cpu"
    rest = neuron.State._make([xs.new_zeros(33, 67) for _ in neuron.State._fields])
    outputs = outcome(lambda: neuron.unroll(xs, trace=trace), neuron, xs, trace)
    expected = outcome(lambda: loop(neuron.advance, xs, rest, trace), neuron, xs, trace)
    assert 0.05 < float(expected[0].mean()) < 0.95
    off = 1e-10 if dtype == torch.float64 else 1e-4
    for f, e in zip(outputs, expected, strict=True):
        torch.testing.assert_close(f, e, rtol=off, atol=off * float(e.abs().max()))


def test_no_step_stores_anything_without_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    neuron, xs, saves, forward = snn.SLSTM(21, 67), torch.randn(9, 33, 21), [], Interpreter.forward
    neuron.unroll(xs)

    def noted(self: Interpreter, *args: Any) -> Any:
        saves.append(args[-1])
        return forward(self, *args)

    monkeypatch.setattr(Interpreter, "forward", noted)
    with torch.no_grad():
        neuron.unroll(xs)
    neuron.unroll(xs)
    assert saves == [False] * 9 + [True] * 9


def test_the_number_of_threads_changes_nothing_but_the_rounding_of_products() -> None:
    torch.manual_seed(1)
    neuron, xs = snn.SLSTM(21, 67, threshold=0.05).double(), torch.randn(9, 33, 21, dtype=torch.float64)
    before, outputs = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            outputs.append(outcome(lambda: neuron.unroll(xs.requires_grad_()), neuron, xs, False))
    finally:
        torch.set_num_threads(before)
    for other in outputs[1:]:
        for a, b in zip(outputs[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)
