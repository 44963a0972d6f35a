"""Every neuron with every surrogate and every reset; and every neuron with input of half precision."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from snn_core import kernels
from snn_triton.engine import Engine

from .comparison import Comparison, near, offered
from .test_neurons import SURROGATES, left
from .tests_of_core import zoo

CASES = [case for case in zoo.NEURONS if not left(case)]
RESETS = ["subtract", "zero", "none", "subtract at once", "zero at once"]


@pytest.mark.parametrize("spike_grad", SURROGATES, ids=repr)
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.usefixtures("wide", "of_any_size")
def test_every_neuron_with_every_surrogate_and_every_reset(case: Any, spike_grad: Any) -> None:
    for number, reset in enumerate(RESETS if case.resets else [None]):
        dtype = torch.float32 if number % 2 == 0 else torch.float64
        options = {"spike_grad": spike_grad, **({} if reset is None else zoo.OPTIONS[reset])}
        Comparison(case.make(**options).to(dtype), case.input(4, dtype=dtype)).agrees()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.usefixtures("of_any_size")
def test_every_neuron_with_input_of_half_precision(case: Any, half: torch.dtype, wide_engine: Engine) -> None:
    neuron = case.make().float()
    outcomes: list[tuple[list[Tensor], list[Tensor]]] = []
    for engines in ((wide_engine,), ()):
        xs = case.input(7, dtype=half).requires_grad_()
        with offered(*engines), torch.autocast("cpu", half):
            if engines and not [*neuron.children()]:  # layers inside are autocast's, and steps run one by one
                assert kernels.choose(neuron, xs).name == "snn-triton"
            spikes, states = neuron.unroll(xs)
        total = sum((out.float() * (1 + number)).sum() for number, out in enumerate([spikes, *states]))
        leaves = [xs, *neuron.parameters()]
        result = torch.autograd.grad(total, leaves, allow_unused=True)
        gradients = [torch.zeros_like(t) if g is None else g for t, g in zip(leaves, result, strict=True)]
        outcomes.append(([spikes, *states], gradients))
    (outputs, computed), (expected, reference) = outcomes
    fires = "spk" in neuron.output_names  # membranes stay in single precision
    assert [o.dtype for o in outputs] == [half if fires else torch.float32, *[torch.float32] * len(expected[1:])]
    assert not fires or torch.equal(outputs[0], expected[0])
    near(outputs[1:] if fires else outputs, expected[1:] if fires else expected, 1e-6)
    near(computed[:1], reference[:1], torch.finfo(half).eps)  # which is written in half precision
    near(computed[1:], reference[1:], 1e-5)
