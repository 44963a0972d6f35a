"""A step of a neuron is a program that tracers of PyTorch can write down: it reads no value that it could not know."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx

from .zoo import NEURONS, Case, close, started

TRACERS: dict[str, dict[str, Any]] = {
    "of values": {},
    "of shapes": {"tracing_mode": "symbolic"},
    "above autograd": {"pre_dispatch": True},
}


class Step(nn.Module):
    """One step of a neuron, whose states go in and out as tensors."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.neuron = case.make()

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        spk, state = self.neuron.step(x, self.neuron.State._make(states) if states else None)
        return spk, *state


def tensors(step: Step) -> dict[str, Tensor]:
    """Parameters and buffers by name."""
    return {**dict(step.named_parameters()), **dict(step.named_buffers())}


def changed(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Other values of all constants and weights, the graded factor among them."""
    return {name: 0.75 * t.detach() if t.is_floating_point() else t for name, t in values.items()}


@pytest.mark.exhaustive
@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_a_traced_step_is_the_step_for_other_values_of_constants_too(case: Case, tracer: str) -> None:
    step, (x, other) = Step(case), case.input(2)
    for states in ((), started(case, step.neuron)):

        def run(values: dict[str, Tensor], *inputs: Tensor, step: Step = step) -> Any:
            return functional_call(step, values, inputs)

        traced = make_fx(run, **TRACERS[tracer])(tensors(step), x, *states)
        for values in (tensors(step), changed(tensors(step))):
            close(traced(values, other, *states), run(values, other, *states))


@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_a_traced_step_and_its_gradients_are_those_of_the_neuron(case: Case) -> None:
    step, (x, other) = Step(case), case.input(2)
    state = started(case, step.neuron)
    names = [name for name, _ in step.named_parameters()]
    weights = [torch.randn_like(out) for out in step(x, *state)]

    def run(x: Tensor, *inputs: Tensor) -> list[Tensor]:
        learned = dict(zip(names, inputs[: len(names)], strict=True))
        outputs = functional_call(step, learned, (x, *inputs[len(names) :]))
        loss = sum((out * weight).sum() for out, weight in zip(outputs, weights, strict=True))
        return [g for g in torch.autograd.grad(loss, [x, *inputs], allow_unused=True) if g is not None]

    inputs = [*step.parameters(), *state]
    traced = make_fx(run)(x.requires_grad_(), *inputs)
    close(traced(other.requires_grad_(), *inputs), run(other, *inputs))


@pytest.mark.parametrize("tracer", ["of values", "above autograd"])
@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_a_traced_step_of_a_neuron_follows_its_graded_factor(case: Case, tracer: str) -> None:
    step, (x, other) = Step(case), case.input(2)
    traced = make_fx(step, **TRACERS[tracer])(x)
    close(traced(other), step(other))
    before = step(other)[0]
    step.neuron.graded_spikes_factor.fill_(0.5)
    close(traced(other), step(other))
    close(traced(other)[0], 0.5 * before)


@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_a_step_is_exported_without_a_compiler_in_front(case: Case) -> None:
    step, (x, other) = Step(case), case.input(2)
    states = tuple(s.detach() for s in started(case, step.neuron))
    program = torch.export.export(step, (x, *states), strict=False)
    close(program.module()(other, *states), step(other, *states))
    program.state_dict["neuron.graded_spikes_factor"].fill_(0.5)
    step.neuron.graded_spikes_factor.fill_(0.5)
    close(program.module()(other, *states), step(other, *states))
