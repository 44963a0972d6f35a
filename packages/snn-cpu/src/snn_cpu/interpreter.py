"""Whole sequences of any neuron that has a step program."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from snn_core.engines import Arguments, Engine, Kernel, Layout, Upstream, are_windows_wanted
from snn_core.programs import Made, Program, StepProgram, window_of
from snn_cpu.feedback import feedback_of
from snn_cpu.lowering import BackwardCode, ForwardCode, backward_code, forward_code, refusal
from snn_cpu.recurrent import Recurrent, is_at_hand, sum_to

__all__ = ["Interpreter"]

_NONE = torch.empty(0, device="cpu")


class Interpreter(Engine):
    """The machine that runs step programs."""

    name = "snn-cpu"
    device = "cpu"
    overwrites = True

    def __init__(self) -> None:
        self._made = Made()

    def refuses(self, program: StepProgram, dtype: torch.dtype) -> str | None:
        """Return the reason why a program cannot run here for input of a dtype, or None."""
        if dtype not in (torch.float32, torch.float64):
            return f"{str(dtype).removeprefix('torch.')} input; the kernels take float32 and float64"
        return self._made.get(program, "refusal", lambda: refusal(program))

    def recurrent(self, program: StepProgram) -> Kernel | None:
        feedback = self._made.get(program, "feedback", lambda: feedback_of(program))
        return None if feedback is None else Recurrent(program, feedback, self)

    def empty(self, sizes: Sequence[int], like: Tensor) -> Tensor:
        return torch.ops.snn_cpu.pooled_empty([*sizes], like)

    def forward(
        self, program: StepProgram, call: Arguments, save: bool
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        x, states, coefficients, trace = call
        layout = Layout.of(x)
        window = self._window(program) if save and are_windows_wanted() else None
        spikes, *last = torch.ops.snn_cpu.program_forward(
            *(self.forward_code(program) if window is None else self._windowed_code(program, window)),
            layout.sequence(x),
            [layout.step(s) for s in states],
            layout.columns(coefficients, x.dtype),
            trace,
            save,
            window is not None,
        )
        saved = last[len(states) :]
        back = layout.sequence_back if trace else layout.step_back
        return (layout.sequence_back(spikes), *map(back, last[: len(states)])), tuple(saved) if save else ()

    def window(self, saved: Sequence[Tensor]) -> Tensor | None:
        return saved[1] if len(saved) > 1 else None

    def backward(
        self, program: StepProgram, call: Arguments, upstream: Upstream, shape: torch.Size
    ) -> tuple[Tensor | None, ...]:
        x, states, coefficients, trace = call
        grads, saved, (need_x, *_), _, overwrites = upstream
        layout = Layout.of(x)
        grad_spk, *grad_states = grads if x.numel() else [None] * len(grads)
        code = self.backward_code(
            program, grad_spk is not None, tuple(g is not None for g in grad_states), trace, need_x
        )
        sent = _NONE if grad_spk is None else layout.sequence(grad_spk)
        over = overwrites and need_x and is_at_hand(sent, grad_spk)
        grad_x, *computed = torch.ops.snn_cpu.program_backward(
            *code,
            sent,
            [_NONE if g is None else layout.sequence(g if trace else g.unsqueeze(0)) for g in grad_states],
            layout.sequence(x),
            [layout.step(s) for s in states],
            layout.columns(coefficients, x.dtype),
            saved[0],
            len(program.sums),
            trace,
            need_x,
            over,
        )
        initial, sums = computed[: len(states)], computed[len(states) :]
        return (
            grad_spk if over else layout.sequence_back(grad_x) if need_x else None,
            *map(layout.step_back, initial),
            *(sum_to(layout, s, shape) for s in sums),
        )

    def forward_code(self, program: StepProgram) -> ForwardCode:
        """Return the code of a program's step, made once."""
        return self._made.get(program, (), lambda: forward_code(program))

    def _window(self, program: StepProgram) -> Program | None:
        return self._made.get(program, "window", lambda: window_of(program))

    def _windowed_code(self, program: StepProgram, window: Program) -> ForwardCode:
        return self._made.get(program, "windowed", lambda: forward_code(program, window))

    def backward_code(
        self, program: StepProgram, spk: bool, states: tuple[bool, ...], trace: bool, need_x: bool
    ) -> BackwardCode:
        """Return what :func:`backward_code` returns, made once for each set of needed gradients."""
        key = spk, states, trace, need_x
        return self._made.get(program, key, lambda: backward_code(program, *key))
