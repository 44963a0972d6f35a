"""Whole sequences of neurons that do not see each other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from snn_core.kernels import SequenceCall
from snn_cpu.layout import Layout
from snn_cpu.models import DERIVATIVES, MODELS, RESETS

__all__ = ["Elementwise", "refused"]

_NONE = torch.empty(0)


def refused(call: SequenceCall) -> str | None:
    """What no kernel of this package takes.

    Example:
        >>> refused(SequenceCall("leaky", "cpu", torch.float16, False, "none", True, "atan", (2.0,)))
        'float16 input; the kernels take float32 and float64'
    """
    if call.dtype not in (torch.float32, torch.float64):
        return f"{str(call.dtype).removeprefix('torch.')} input; the kernels take float32 and float64"
    if call.mixed:
        return f"a constant per neuron is not {str(call.dtype).removeprefix('torch.')} as the input is"
    if call.surrogate not in DERIVATIVES:
        return f"the surrogate {call.surrogate!r} is unknown to it"
    return None


class Elementwise:
    """The kernel of every family in which each neuron's sequence is its own."""

    name = "snn-cpu"
    device = "cpu"

    def refuses(self, call: SequenceCall) -> str | None:
        return refused(call)

    def forward(
        self,
        call: SequenceCall,
        x: Tensor,
        states: Sequence[Tensor],
        constants: Sequence[Tensor],
        trace: bool,
        save: bool,
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        model, layout = MODELS[call.family], Layout.of(x)
        reset = RESETS[call.reset, call.reset_delay]
        coefficients = _columns(model.coefficients(*constants), x.dtype, layout)
        initial = [layout.step(s) for s in states]
        spikes, *last, checkpoints = torch.ops.snn_cpu.scan_forward(
            layout.sequence(x), initial, coefficients, model.code, reset, model.recurrent, trace, save
        )
        back = layout.sequence_back if trace else lambda s: layout.step_back(s[0])
        return (layout.sequence_back(spikes), *map(back, last)), (checkpoints,) if save else ()

    def backward(
        self,
        call: SequenceCall,
        grads: Sequence[Tensor | None],
        x: Tensor,
        states: Sequence[Tensor],
        constants: Sequence[Tensor],
        saved: Sequence[Tensor],
        trace: bool,
        needs: Sequence[bool],
    ) -> tuple[Tensor | None, ...]:
        model, layout = MODELS[call.family], Layout.of(x)
        wanted = needs[1 + len(states) :]
        with torch.enable_grad():
            leaves = [c.detach().requires_grad_(n) for c, n in zip(constants, wanted, strict=True)]
            coefficients = model.coefficients(*leaves)
        needed = [c.requires_grad for c in coefficients]
        first, second = (*call.params, 0.0, 0.0)[:2]
        grad_spk, *grad_states = grads
        grad_x, *found = torch.ops.snn_cpu.scan_backward(
            _NONE if grad_spk is None else layout.sequence(grad_spk),
            [_NONE if g is None else layout.sequence(g if trace else g.unsqueeze(0)) for g in grad_states],
            layout.sequence(x),
            [layout.step(s) for s in states],
            _columns(coefficients, x.dtype, layout),
            saved[0],
            model.code,
            RESETS[call.reset, call.reset_delay],
            model.recurrent,
            DERIVATIVES[call.surrogate],
            first,
            second,
            trace,
            needs[0],
            sum(1 << i for i, n in enumerate(needed) if n),
        )
        initial, sums = found[: len(states)], found[len(states) :]
        grad_constants: list[Tensor | None] = [None] * len(leaves)
        if any(needed):
            outer = [
                layout.sum_to(s, c.shape).to(c.dtype) for s, c, n in zip(sums, coefficients, needed, strict=True) if n
            ]
            inner = [leaf for leaf in leaves if leaf.requires_grad]
            given = iter(torch.autograd.grad([c for c, n in zip(coefficients, needed, strict=True) if n], inner, outer))
            grad_constants = [next(given) if leaf.requires_grad else None for leaf in leaves]
        return (
            layout.sequence_back(grad_x) if needs[0] else None,
            *map(layout.step_back, initial),
            *grad_constants,
        )


def _columns(coefficients: Sequence[Tensor], dtype: torch.dtype, layout: Layout) -> list[Tensor]:
    """Each coefficient as one value without axes, or one for each column."""
    converted = (c.detach().to(dtype) for c in coefficients)
    return [c if c.dim() == 0 else c.reshape(()) if c.numel() == 1 else layout.step(c) for c in converted]
