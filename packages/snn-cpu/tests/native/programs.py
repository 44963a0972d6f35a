"""Step programs for tests, and what they compute one instruction after the other by PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from snn_core.neuron.makeup import constants_of, equation_of
from snn_core.programs.program import Instruction, Program, Register, StepProgram
from snn_core.programs.tracing import traced

NOTHING = Program((), (), {})


def of_one_step(name: str, operands: Sequence[str | float]) -> StepProgram:
    """The program whose spikes are one operation's result, on ``x``, a state, coefficients and numbers."""
    coefficients = tuple(dict.fromkeys(o for o in operands if isinstance(o, str) and o not in ("x", "mem")))
    inputs = ("x", "mem", *coefficients)
    registers = tuple(Register(inputs.index(o)) if isinstance(o, str) else o for o in operands)
    forward = Program(inputs, (Instruction(name, registers),), {"emitted": Register(len(inputs)), "mem": Register(1)})
    once = Program(coefficients, (), {c: Register(i) for i, c in enumerate(coefficients)})
    return StepProgram(once, forward, Program((), (), {"d x": 0.0, "d mem": 0.0}), NOTHING)


def of_neuron(neuron: Any, dtype: torch.dtype) -> tuple[StepProgram, list[Tensor]]:
    """A neuron's program for input of ``[batch, neurons]``, and its coefficients."""
    neuron = neuron.to(dtype)
    program = traced(equation_of(neuron), 2, dtype)
    constants = {name: constant.detach() for name, constant in constants_of(neuron).items()}
    values = program.once.run({name: constants[name] for name in program.once.inputs}) if program.once.outputs else {}
    return program, [torch.as_tensor(values[name], dtype=dtype) for name in program.coefficients]


def by_steps(
    program: StepProgram, x: Tensor, states: Sequence[Tensor], coefficients: Sequence[Tensor], trace: bool
) -> list[Tensor]:
    """Return the same as ``Interpreter.forward``."""
    spikes, traces = [], _steps(program, x, states, coefficients)
    for values, after in traces:
        spikes.append(after["emitted"])
        states = [after[name] for name in program.states]
        del values
    if trace:
        states = [torch.stack([after[name] for _, after in traces]) for name in program.states]
    return [torch.stack(spikes), *states]


def back_by_steps(
    program: StepProgram,
    grads: Sequence[Tensor | None],
    x: Tensor,
    states: Sequence[Tensor],
    coefficients: Sequence[Tensor],
    trace: bool,
) -> list[Tensor]:
    """Return the same as ``Interpreter.backward``, each sum by column and zero for None."""
    names = program.states
    spk, *upstream = grads
    carried = [torch.zeros_like(x[0]) if g is None or trace else g for g in upstream]
    sums = [torch.zeros(x.shape[1:], dtype=torch.float64) for _ in program.sums]
    grad_x = []
    for t, (values, _) in reversed([*enumerate(_steps(program, x, states, coefficients))]):
        if trace:
            carried = [c if g is None else c + g[t] for c, g in zip(carried, upstream, strict=True)]
        gradients = {f"d {name}": c for name, c in zip(names, carried, strict=True)}
        gradients["d emitted"] = torch.zeros_like(x[0]) if spk is None else spk[t]
        after = _run(program.backward, values | gradients, x[0])
        grad_x.append(after["d x"])
        carried = [after[f"d {name}"] for name in names]
        sums = [s + after[name] for s, name in zip(sums, program.sums, strict=True)]
    return [torch.stack(grad_x[::-1]), *carried, *sums]


def _steps(
    program: StepProgram, x: Tensor, states: Sequence[Tensor], coefficients: Sequence[Tensor]
) -> list[tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """Return the inputs of each step, and its outputs."""
    steps = []
    for now in x:
        values = {"x": now, **dict(zip(program.states, states, strict=True))}
        values |= dict(zip(program.coefficients, coefficients, strict=True))
        steps.append((values, _run(program.forward, values, now)))
        states = [steps[-1][1][name] for name in program.states]
    return steps


def _run(program: Program, values: Mapping[str, Tensor], like: Tensor) -> dict[str, Tensor]:
    outputs = program.run(values) if program.inputs else program.outputs
    return {n: torch.as_tensor(v, dtype=like.dtype).expand(like.shape) for n, v in outputs.items()}
