"""The engine that every machine has: a step program, run by torch one instruction after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from snn_core.engines.registry import Arguments, Engine, Upstream
from snn_core.programs.program import Program, StepProgram


class Reference(Engine):
    """An engine that runs programs by torch, on any device; it is right rather than fast."""

    name = "reference"
    device = "any"

    def refuses(self, program: StepProgram, dtype: torch.dtype) -> str | None:
        return None

    def forward(
        self, program: StepProgram, call: Arguments, save: bool
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        x, states, coefficients, trace = call
        constants = dict(zip(program.coefficients, coefficients, strict=True))
        spikes, before, after = [], [], []
        for x_now in x.unbind():
            values = {"x": x_now, **dict(zip(program.states, states, strict=True)), **constants}
            before.append(states)
            emitted, *states = _run(program.forward, values, ("emitted", *program.states), states[0])
            spikes.append(emitted)
            after.append(states)
        last = map(torch.stack, zip(*after, strict=True)) if trace else (s.clone() for s in states)
        saved = tuple(map(torch.stack, zip(*before, strict=True))) if save else ()
        return (torch.stack(spikes), *last), saved

    def backward(
        self, program: StepProgram, call: Arguments, upstream: Upstream, shape: torch.Size
    ) -> tuple[Tensor | None, ...]:
        x, states, coefficients, trace = call
        constants = dict(zip(program.coefficients, coefficients, strict=True))
        (of_spikes, *of_states), saved, (need_x, *_), *_ = upstream
        rest = [torch.zeros_like(s) for s in states]
        carried = rest if trace else [z if g is None else g for z, g in zip(rest, of_states, strict=True)]
        to_input: list[Tensor] = []
        sums = [torch.zeros(shape, dtype=torch.float64, device=x.device) for _ in program.sums]
        outputs = "x", *program.states
        for t in reversed(range(len(x))):
            if trace:
                carried = [c if g is None else c + g[t] for c, g in zip(carried, of_states, strict=True)]
            values = {"x": x[t], **{name: s[t] for name, s in zip(program.states, saved, strict=True)}, **constants}
            gradients = {f"d {name}": g for name, g in zip(program.states, carried, strict=True)}
            gradients["d emitted"] = torch.zeros_like(states[0]) if of_spikes is None else of_spikes[t]
            names = (*(f"d {name}" for name in outputs), *program.sums)
            of_x, *computed = _run(program.backward, values | gradients, names, states[0])
            carried, shares = computed[: len(states)], computed[len(states) :]
            to_input.append(of_x)
            sums = [total + share.double().sum_to_size(shape) for total, share in zip(sums, shares, strict=True)]
        return torch.stack(to_input[::-1]) if need_x else None, *carried, *sums


def _run(program: Program, values: Mapping[str, Tensor], names: Sequence[str], like: Tensor) -> list[Tensor]:
    """Return some outputs of one step, those that are numbers too, as tensors of the shape of a state."""
    with torch.no_grad():
        out = program.run(values)
    return [_filled(out[name], like) for name in names]


def _filled(value: Any, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(like.shape)
