"""An engine of step programs that runs one instruction after the other by PyTorch; it counts its calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from snn_core import kernels
from snn_core.kernels import StepProgram, registry


class Stepped:
    """The simplest engine there can be: every step's state is stored, every gradient is a tensor."""

    name, device = "stepped", "cpu"

    def __init__(self) -> None:
        self.calls: list[str] = []

    def refuses(self, program: StepProgram, dtype: torch.dtype) -> str | None:
        return None

    def empty(self, sizes: Sequence[int], like: Tensor) -> Tensor:
        return like.new_full([*sizes], torch.nan)

    def forward(
        self,
        program: StepProgram,
        x: Tensor,
        states: Sequence[Tensor],
        coefficients: Sequence[Tensor],
        trace: bool,
        save: bool,
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        self.calls.append("forward")
        same = dict(zip(program.coefficients, coefficients, strict=True))
        steps, befores = [], []
        state = dict(zip(program.states, states, strict=True))
        for drive in x:
            befores.append(list(state.values()))
            out = _whole(program.forward.run({"x": drive, **state, **same}), drive)
            steps.append(out)
            state = {name: out[name] for name in program.states}
        stacked = {name: torch.stack([step[name] for step in steps]) for name in steps[0]}
        outs = [stacked[name] if trace else stacked[name][-1].clone() for name in program.states]
        return (stacked["emitted"], *outs), tuple(map(torch.stack, zip(*befores, strict=True)))

    def backward(
        self,
        program: StepProgram,
        grads: Sequence[Tensor | None],
        x: Tensor,
        states: Sequence[Tensor],
        coefficients: Sequence[Tensor],
        saved: Sequence[Tensor],
        trace: bool,
        need_x: bool,
        shape: torch.Size,
    ) -> tuple[Tensor | None, ...]:
        self.calls.append("backward")
        same = dict(zip(program.coefficients, coefficients, strict=True))
        emitted, *ends = grads
        grad_x = torch.zeros_like(x)
        carried = {f"d {name}": torch.zeros_like(x[0]) for name in program.states}
        sums = {name: torch.zeros(x.shape[1:], dtype=torch.float64) for name in program.sums}
        for t in reversed(range(len(x))):
            for name, end in zip(program.states, ends, strict=True):
                if end is not None and (trace or t == len(x) - 1):
                    carried[f"d {name}"] = carried[f"d {name}"] + (end[t] if trace else end)
            before = {name: states_[t] for name, states_ in zip(program.states, saved, strict=True)}
            spikes = torch.zeros_like(x[t]) if emitted is None else emitted[t]
            out = _whole(program.backward.run({"x": x[t], **before, **same, "d emitted": spikes, **carried}), x[t])
            grad_x[t] = out["d x"]
            carried = {name: out[name] for name in carried}
            for name in sums:
                sums[name] += out[name]
        totals = [sums[name].sum_to_size(shape) for name in program.sums]
        return grad_x if need_x else None, *carried.values(), *totals


def _whole(outputs: dict[str, Any], like: Tensor) -> dict[str, Tensor]:
    """Outputs of a step as tensors of its shape, whichever are numbers or the same for several columns."""
    return {n: torch.as_tensor(o, dtype=like.dtype).expand(like.shape).clone() for n, o in outputs.items()}


@contextmanager
def stepped() -> Iterator[Stepped]:
    """Such an engine, and no kernel or engine besides it."""
    engine = Stepped()
    kernels.status()  # whatever is installed registers now or never
    with mock.patch.object(registry, "_OFFERED", {}):
        kernels.register("program", engine)
        yield engine
