"""The witness of a program: a step in the neuron's own code, on seeded numbers, which must give what the program gives.

A program was recorded from a user's code, and what that code does may have changed since. So each sequence begins with
one step of the code in the form of that sequence: with the shapes, strides and dtypes of its input and states, and in
the same modes. Its numbers are drawn at random, and the same ones each time; in a real first step, which starts at
rest, a decay or a reset would have no effect.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from snn_core.kernels.program import StepProgram
from snn_core.kernels.tracing import with_constants

_STORED = 2**15  # with at most this many neurons in all samples, a result is stored and not computed again


class Witness:
    """A step on seeded numbers, which runs in a neuron's own code and by a program.

    Args:
        x: The input of one step, in the dtype of the state; only its form matters.
        state: A state of a neuron; only its form matters.
        constants: The constants of the neuron, by path; their values are used, except zeros.
        differentiates: True to compare gradients too.
    """

    def __init__(self, x: Tensor, state: Any, constants: Mapping[str, Tensor], differentiates: bool) -> None:
        self._x = _seeded(x, 0).requires_grad_(differentiates and x.requires_grad)
        self._state = type(state)._make([_seeded(s, k).requires_grad_(differentiates) for k, s in enumerate(state, 1)])
        self._constants = {
            name: torch.where(c == 0, _seeded(c, 0) / 10, c.detach()).requires_grad_(differentiates and c.requires_grad)
            for name, c in constants.items()
        }
        inputs = {"x": self._x, **self._state._asdict(), **self._constants}
        self._leaves = {f"d {name}": tensor for name, tensor in inputs.items() if tensor.requires_grad}
        self._upstream = [_seeded(s, k) for k, s in enumerate([state[0], *state], 1 + len(state))]
        self._stored: dict[str, Tensor] | None = None

    def confirms(self, neuron: Any, program: StepProgram) -> bool:
        """Return True if a step in the neuron's own code, as it is now, gives what a program gives.

        Args:
            neuron: The neuron.
            program: The program; the same one in all calls after the first that returned True.
        """
        try:
            result = self._results(*self._by_code(neuron))
        except Exception:  # the code may raise anything for numbers that it does not expect
            return False
        expected = self._stored
        if expected is None:
            with torch.set_grad_enabled(bool(self._leaves)):
                expected = self._results(*self._by_program(program))
        # the rounding of products depends on where their tensors lie
        off = 1000 * torch.finfo(self._x.dtype).eps if program.connections else 0.0
        confirmed = self._agree(result, expected, off)
        if confirmed and self._upstream[0].numel() <= _STORED:
            self._stored = result
        return confirmed

    def _by_code(self, neuron: Any) -> Sequence[Tensor]:
        emitted, after, _ = with_constants(neuron, self._constants).advance(self._x, self._state, None)
        return emitted, *after

    def _by_program(self, program: StepProgram) -> Sequence[Tensor]:
        values = program.step_inputs(self._x, self._state._asdict(), self._constants)
        inputs = [values[name] for name in ("x", *program.states)]
        fields = "emitted", *self._state._fields
        return _Step.apply(
            program, fields, self._state[0].shape, (*self._constants,), *inputs, *self._constants.values()
        )

    def _results(self, *outputs: Tensor) -> dict[str, Tensor]:
        """Return the outputs of a step, and the gradients of its inputs for the seeded upstream gradients, by name."""
        results = {name: out.detach() for name, out in zip(("emitted", *self._state._fields), outputs, strict=True)}
        ends = [(out, g) for out, g in zip(outputs, self._upstream, strict=True) if out.requires_grad]
        if self._leaves and ends:
            outs, seeds = zip(*ends, strict=True)
            leaves = tuple(self._leaves.values())
            # torch.autograd.grad takes a fourth longer, and imports SymPy if it is passed upstream gradients
            run = torch.autograd.Variable._execution_engine.run_backward
            gradients = run(outs, seeds, False, False, leaves, True, accumulate_grad=False)
            results |= {name: g for name, g in zip(self._leaves, gradients, strict=True) if g is not None}
        return results

    def _agree(self, result: Mapping[str, Tensor], expected: Mapping[str, Tensor], off: float) -> bool:
        """Return True if two results are equal, up to a relative error; gradients of constants, up to rounding."""
        for name in {**result, **expected}:
            a, b = result.get(name), expected.get(name)
            if a is None or b is None:  # no gradient is one of zero
                if (a if b is None else b).any():
                    return False
            elif not torch.equal(a, b):
                of_constant = name.removeprefix("d ") in self._constants
                rounding = torch.finfo(b.dtype).eps ** 0.5 if of_constant and name.startswith("d ") else off
                least = rounding * _largest(b) if rounding else 0.0
                if a.dtype != b.dtype or not torch.allclose(a, b.expand_as(a), rounding, least, equal_nan=True):
                    return False
        return True


def _largest(values: Tensor) -> float:
    finite = values[values.isfinite()]
    return finite.abs().max().item() if finite.numel() else 0.0


@functools.lru_cache(8)
def _numbers(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return normal random numbers of several sizes, whose count divides no usual length of an axis."""
    with torch.inference_mode(False):
        generator, count = torch.Generator().manual_seed(0), 4099
        sizes = torch.tensor([0.25, 1.0, 1.0, 4.0, 32.0], device="cpu")[
            torch.randint(5, (count,), generator=generator, device="cpu")
        ]
        return (sizes * torch.randn(count, generator=generator, device="cpu")).to(device, dtype)


def _seeded(like: Tensor, number: int) -> Tensor:
    """Return random numbers in the form of a tensor, with the same strides; others for another number."""
    numbers = _numbers(like.dtype, like.device)
    extent = 1 + sum((n - 1) * stride for n, stride in zip(like.shape, like.stride(), strict=True))
    start = 1009 * number % len(numbers)
    repeated = numbers.repeat(-(-(start + extent) // len(numbers)))
    return repeated.as_strided(like.shape, like.stride(), start)


class _Step(torch.autograd.Function):
    """The step of a program, by torch's operations, with the program's backward step."""

    @staticmethod
    def forward(
        ctx: Any,
        program: StepProgram,
        fields: Sequence[str],
        shape: torch.Size,
        names: Sequence[str],
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        count = 1 + len(program.states)
        constants = dict(zip(names, tensors[count:], strict=True))
        values = dict(zip(("x", *program.states), tensors[:count], strict=True)) | program.once.run(constants)
        ctx.program, ctx.fields, ctx.values, ctx.constants = program, fields, values, constants
        computed = program.forward.run(values)
        return tuple(_of_step(computed[name], shape, tensors[1]) for name in fields)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        program, constants, like = ctx.program, ctx.constants, grads[0]
        upstream = dict(zip((f"d {name}" for name in ctx.fields), grads, strict=True))
        zeros = {f"d {name}": torch.zeros_like(like) for name in program.states if f"d {name}" not in upstream}
        computed = program.backward.run({**ctx.values, **zeros, **upstream})
        sizes = program.shape_of_sums(constants)
        sums = {name: _of_step(computed[name], like.shape, like).sum_to_size(sizes) for name in program.sums}
        inputs = [_of_step(computed[f"d {name}"], like.shape, like) for name in ("x", *program.states)]
        return None, None, None, None, *inputs, *program.gradients(constants, sums)


def _of_step(value: Any, shape: torch.Size, like: Tensor) -> Tensor:
    """Return a value of a program, which may be a number, as a tensor of one step."""
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(shape)
