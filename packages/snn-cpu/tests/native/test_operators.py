"""The operators that compilers see: well-behaved with kernels behind them, and those of the library itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

import snn_core as snn
from snn_core.engines.operator import text_of
from snn_cpu.lowering import backward_code, forward_code

from .programs import of_neuron
from .specification import ELEMENTWISE, KINDS, backward, case, random_gradients, same_bits


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("family", ELEMENTWISE)
def test_every_operator_with_its_kernel_is_well_behaved(family: str, trace: bool) -> None:
    sample = case(family, "none", steps=3, trace=trace)
    assert sample.kernel().name == "snn-cpu"
    program = sample.program()
    arguments = text_of(program), sample.x, [*sample.states], [*sample.in_order(program)], trace
    results = torch.library.opcheck(torch.ops.snn_core.sequence.default, arguments)
    assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_an_operator_gives_what_its_kernel_gives(family: str, reset: str, delay: bool, trace: bool) -> None:
    sample = case(family, reset, delay, trace=trace)
    through, straight = sample.fresh(), sample.fresh()
    program = through.program()
    arguments = through.x, [*through.states], [*through.in_order(program)], trace
    out, expected = torch.ops.snn_core.sequence(text_of(program), *arguments), straight.by_kernel()
    for f, e in zip(out, expected, strict=True):
        same_bits(f, e)
    gradients = random_gradients(expected)
    for f, e in zip(backward(through, out, gradients), backward(straight, expected, gradients), strict=True):
        same_bits(f, e)


def calls_of_operators() -> dict[str, list[Any]]:
    """Return arguments of the library's operators, without the last one of those that may write over another."""
    program, coefficients = of_neuron(snn.Leaky(0.5, learn_beta=True, learn_threshold=True), torch.float32)
    x, states, coefficients = torch.rand(40, 7), [torch.rand(7)], [c.expand(7).contiguous() for c in coefficients]
    forward = *forward_code(program), x, states, coefficients, False, True
    checkpoints = torch.ops.snn_cpu.program_forward(*forward)[-1]
    code = backward_code(program, True, (True,), False, True)
    net = torch.rand(7, 7), torch.rand(7), torch.rand(1, 7), coefficients
    recurrent = *forward_code(program), x, torch.rand(7), states, *net, False, True
    (*_, bits, checkpoints_between), _ = torch.ops.snn_cpu.recurrent_forward(*recurrent)
    grads = torch.rand(40, 7), torch.rand(1, 7), [torch.rand(1, 7)]
    tensors = *grads, x, torch.rand(7), states, *net, bits, checkpoints_between
    backward = *code, grads[0], grads[2], x, states, coefficients, checkpoints, 2, False, True
    return {
        "program_forward": [*forward],
        "program_backward": [*backward],
        "sum_to": [torch.rand(21, dtype=torch.float64), [3, 7], [1, 7]],
        "recurrent_forward": [*recurrent],
        "recurrent_backward": [*code, *tensors, 2, False, True, True],
    }


def test_the_librarys_own_operators_change_and_return_no_argument() -> None:
    for operator, arguments in calls_of_operators().items():
        checked = getattr(torch.ops.snn_cpu, operator).default
        more = [False] if "backward" in operator else []
        results = torch.library.opcheck(checked, (*arguments, *more), test_utils="test_schema")
        assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("name", ["program_backward", "recurrent_backward"])
def test_nothing_changes_but_the_gradient_of_the_spikes_that_is_written_over(name: str) -> None:
    operator, arguments = getattr(torch.ops.snn_cpu, name), calls_of_operators()[name]
    expected, of_spikes = tensors_in(operator(*arguments, False)), arguments[7]
    others = [t for t in tensors_in(arguments) if t is not of_spikes]
    copies = [t.clone() for t in others]
    result = tensors_in(operator(*arguments, True))
    assert result[0].numel() == 0
    for left, right in zip([of_spikes, *result[1:], *others], [*expected, *copies], strict=True):
        assert torch.equal(left, right)


def tensors_in(values: object) -> list[Tensor]:
    """Return all tensors of a structure."""
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]
