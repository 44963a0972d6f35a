"""The one torch operator for the sequences of any neuron, which a compiler sees in place of T steps.

``snn_core::sequence`` takes a program as text, the input, the states and the constants that the program names. An
engine runs it, or else the reference. Its backward pass is an operator too, which runs the sequence again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from snn_core.engines import fused
from snn_core.engines.reference import Reference
from snn_core.engines.registry import Arguments, Kernel, Upstream, first_of, offered
from snn_core.engines.stepped import kernel_of
from snn_core.programs.program import StepProgram

_PROGRAMS: dict[str, StepProgram] = {}  # by their text; a compiled function may call the operator at any time
_REFERENCE = Reference()


def text_of(program: StepProgram) -> str:
    """Return a program as the text by which the operator knows it from now on."""
    _PROGRAMS.setdefault(program.text, program)
    return program.text


def _program(text: str) -> StepProgram:
    if text not in _PROGRAMS:
        raise RuntimeError(
            "snn_core::sequence: this process has not traced the neuron whose step program a compiled function calls; "
            f"compile the function again in this process. The program is\n{text}"
        )
    return _PROGRAMS[text]


def _kernel(text: str, call: Arguments) -> Kernel:
    x, states, constants, _ = call
    program, plain = _program(text), fused.fits(x, *states, *constants)
    engine, _ = first_of(offered("program", x.device.type) if plain else [], program, states[0].dtype)
    return kernel_of(engine or _REFERENCE, program)


@torch.library.custom_op(
    "snn_core::sequence",
    mutates_args=(),
    schema="(str program, Tensor x, Tensor[] states, Tensor[] constants, bool trace) -> Tensor[]",
)
def sequence(
    program: str, x: Tensor, states: Sequence[Tensor], constants: Sequence[Tensor], trace: bool
) -> list[Tensor]:
    """Run a sequence of a program.

    Args:
        program: The text of the program, as :func:`text_of` returns it.
        x: Input ``[T, batch, ...]``.
        states: The states before the first step.
        constants: The constants that the program names, in its order.
        trace: Return every step's states, ``[T, ...]``, instead of the last ones.

    Returns:
        Spikes ``[T, ...]`` before their graded factor, then the states.
    """
    call = Arguments(x, states, constants, trace)
    return [*fused.forward(_kernel(program, call), call, save=False)[0]]


@torch.library.custom_op(
    "snn_core::sequence_backward",
    mutates_args=(),
    schema="(str program, Tensor[] grads, Tensor x, Tensor[] states, Tensor[] constants, bool trace) -> Tensor[]",
)
def _gradient(
    program: str,
    grads: Sequence[Tensor],
    x: Tensor,
    states: Sequence[Tensor],
    constants: Sequence[Tensor],
    trace: bool,
) -> list[Tensor]:
    call, tensors = Arguments(x, states, constants, trace), (x, *states, *constants)
    kernel = _kernel(program, call)
    # the operator's outputs have no room for what the backward pass needs
    _, saved = fused.forward(kernel, call, save=True)
    gradients = fused.backward(kernel, call, Upstream(grads, saved, [True] * len(tensors)))
    return [torch.zeros_like(t) if g is None else g.clone() for t, g in zip(tensors, gradients, strict=True)]


@sequence.register_fake
def _(program: str, x: Tensor, states: list[Tensor], constants: list[Tensor], trace: bool) -> list[Tensor]:
    like = [x.new_empty((x.shape[0], *s.shape), dtype=s.dtype) if trace else torch.empty_like(s) for s in states]
    return [x.new_empty((x.shape[0], *states[0].shape)), *like]


@_gradient.register_fake
def _(program: str, grads: Any, x: Tensor, states: list[Tensor], constants: list[Tensor], trace: bool) -> list[Tensor]:
    return [torch.empty_like(t) for t in (x, *states, *constants)]


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    program, x, states, constants, trace = inputs
    ctx.save_for_backward(x, *states, *constants, *output)
    ctx.settings = program, trace, len(states)


def _differentiate(ctx: Any, grads: Sequence[Tensor | None]) -> tuple[Any, ...]:
    program, trace, count = ctx.settings
    tensors, outputs = ctx.saved_tensors[: -1 - count], ctx.saved_tensors[-1 - count :]
    x, states, constants = tensors[0], [*tensors[1 : 1 + count]], [*tensors[1 + count :]]
    seeds = [torch.zeros_like(out) if g is None else g for out, g in zip(outputs, grads, strict=True)]
    of_x, *others = torch.ops.snn_core.sequence_backward(program, seeds, x, states, constants, trace)
    return None, of_x, others[:count], others[count:], None


sequence.register_autograd(_differentiate, setup_context=_setup_context)


def _one_by_one(operator: Any) -> Any:
    """Return a batching rule that is right for any mixture of batched arguments: one call per element, stacked."""

    def rule(info: Any, in_dims: Sequence[Any], *args: Any) -> tuple[list[Tensor], list[int]]:
        calls = [
            operator(*(_element(arg, axis, k) for arg, axis in zip(args, in_dims, strict=True)))
            for k in range(info.batch_size)
        ]
        return [torch.stack(tensors) for tensors in zip(*calls, strict=True)], [0] * len(calls[0])

    return rule


def _element(arg: Any, axis: Any, k: int) -> Any:
    if isinstance(arg, list | tuple):
        return [_element(each, a, k) for each, a in zip(arg, axis, strict=True)]
    return arg if axis is None else arg.select(axis, k)


for _op in (sequence, _gradient):
    _op.register_vmap(_one_by_one(_op))
