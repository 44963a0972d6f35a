"""One step of a net as a program."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from snn_export.program import Program, axes_of, entries, must_be_same, traced
from snn_export.step import Step, two_steps


def step_program(net: nn.Module, inputs: Sequence[Tensor], dynamic: frozenset[str], bounded: bool = False) -> Program:
    """Trace one step of a net.

    Returns:
        The program: inputs and states to outputs and states.

    Example:
        >>> import snn_core as snn
        >>> program = step_program(snn.Leaky(beta=0.5, init_hidden=True), [torch.ones(1, 1)], frozenset())
        >>> [entry.name for entry in program.inputs], [entry.name for entry in program.outputs]
        (['x', 'mem'], ['out', 'mem.next'])
    """
    example = two_steps(net, inputs)
    feed = dict(zip(input_names(net, len(inputs)), inputs, strict=True))
    rest = {name: torch.zeros_like(state) for name, state in example.states[0].items()}
    after = {f"{name}.next": state for name, state in example.states[0].items()}
    free = axes_of(dynamic, ["batch"])
    everything = [*inputs, *rest.values()]
    module = Step(net, len(inputs), example.kept)
    exported = traced(module, everything, [free] * len(everything), net, bounded)
    run, states = exported.module(), list(rest.values())
    with torch.no_grad():
        for outputs, kept in zip(example.outputs, example.states, strict=True):
            expected = outputs | {f"{name}.next": state for name, state in kept.items()}
            given_back = run(*inputs, *states)
            must_be_same(expected, given_back, net)
            states = list(given_back[len(outputs) :])
    described = (entries(tensors, free) for tensors in (feed | rest, example.outputs[0] | after, rest))
    return Program(exported, "step", *described)


def input_names(net: nn.Module, count: int) -> list[str]:
    """Return the names by which the net itself calls its inputs; a single one is ``"x"``."""
    if count == 1:
        return ["x"]
    parameters = inspect.signature(net.forward).parameters.values()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names[:count] if len(names) >= count else ["x", *(f"x.{i}" for i in range(1, count))]
