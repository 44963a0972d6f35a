"""One step of a net as a program."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from snn_export.program import Program, axes_of, entries, must_be_same, traced
from snn_export.step import Step, two_steps


def step_program(net: nn.Module, inputs: Sequence[Tensor], dynamic: frozenset[str], bounded: bool = False) -> Program:
    """Trace one step of a net, as a program from inputs and states to outputs and states."""
    outputs, states, kept = two_steps(net, inputs)
    rest = {name: torch.zeros_like(state) for name, state in states[0].items()}
    free = axes_of(dynamic, ["batch"])
    exported = traced(Step(net, len(inputs), kept), [*inputs, *rest.values()], free, net, bounded)
    expected = [out | after_step(state) for out, state in zip(outputs, states, strict=True)]
    run, before = exported.module(), [*rest.values()]
    with torch.no_grad():
        for tensors in expected:
            given_back = run(*inputs, *before)
            must_be_same(tensors, given_back, net)
            before = given_back[len(outputs[0]) :]
    described = (entries(tensors, free) for tensors in (named_inputs(net, inputs) | rest, expected[0], rest))
    return Program(exported, "step", *described)


def after_step(states: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return states under the names that they have as outputs."""
    return {f"{name}.next": state for name, state in states.items()}


def named_inputs(net: nn.Module, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return inputs by the names that the net's ``forward`` gives them; a single one is ``"x"``."""
    if len(inputs) == 1:
        return {"x": inputs[0]}
    parameters = inspect.signature(net.forward).parameters.values()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(names) < len(inputs):
        names = ["x", *(f"x.{i}" for i in range(1, len(inputs)))]
    return dict(zip(names, inputs, strict=False))
