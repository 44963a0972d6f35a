"""The operators that compilers see: well-behaved with kernels behind them, and those of the library itself."""

from __future__ import annotations

import pytest
import torch

import snn_core as snn
from snn_core.kernels.registry import FAMILIES
from snn_cpu.lowering import backward_code, forward_code

from .programs import of_neuron
from .specification import ELEMENTWISE, KINDS, backward, case, random_gradients, same_bits


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("family", ELEMENTWISE)
def test_every_operator_with_its_kernel_is_well_behaved(family: str, trace: bool) -> None:
    sample = case(family, "none", steps=3, trace=trace)
    assert sample.kernel().name == "snn-cpu"
    settings = sample.call.reset, sample.call.reset_delay, sample.call.surrogate, list(sample.call.params), trace
    results = torch.library.opcheck(FAMILIES[family].operator, (*sample.tensors, *settings))
    assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_an_operator_gives_what_its_kernel_gives(family: str, reset: str, delay: bool, trace: bool) -> None:
    sample = case(family, reset, delay, trace=trace)
    through, straight = sample.fresh(), sample.fresh()
    settings = reset, delay, sample.call.surrogate, list(sample.call.params), trace
    out, expected = FAMILIES[family].operator(*through.tensors, *settings), straight.by_kernel()
    for f, e in zip(out, expected, strict=True):
        same_bits(f, e)
    gradients = random_gradients(expected)
    for f, e in zip(backward(through, out, gradients), backward(straight, expected, gradients), strict=True):
        same_bits(f, e)


@pytest.mark.parametrize("over", [False, True])
def test_the_librarys_own_operators_change_and_return_no_argument_but_what_is_written_over(over: bool) -> None:
    program, coefficients = of_neuron(snn.Leaky(0.5, learn_beta=True, learn_threshold=True), torch.float32)
    x, states, coefficients = torch.rand(40, 7), [torch.rand(7)], [c.expand(7).contiguous() for c in coefficients]
    forward = *forward_code(program), x, states, coefficients, False, True
    checkpoints = torch.ops.snn_cpu.program_forward(*forward)[-1]
    code = backward_code(program, True, (True,), False, True)
    backward = *code, torch.rand(40, 7), [torch.rand(1, 7)], x, states, coefficients, checkpoints, 2, False, True, over
    calls = {"program_forward": forward, "program_backward": backward}
    calls["sum_to"] = torch.rand(21, dtype=torch.float64), [3, 7], [1, 7]
    net = torch.rand(7, 7), torch.rand(7), torch.rand(1, 7), coefficients
    calls["recurrent_forward"] = *forward_code(program), x, torch.rand(7), states, *net, False, True
    (*_, bits, checkpoints), _ = torch.ops.snn_cpu.recurrent_forward(*calls["recurrent_forward"])
    grads = torch.rand(40, 7), torch.rand(1, 7), [torch.rand(1, 7)]
    tensors = *grads, x, torch.rand(7), states, *net, bits, checkpoints
    calls["recurrent_backward"] = *code, *tensors, 2, False, True, True, over
    for operator, arguments in calls.items():
        checked = getattr(torch.ops.snn_cpu, operator).default
        results = torch.library.opcheck(checked, arguments, test_utils="test_schema")
        assert set(results.values()) == {"SUCCESS"}
