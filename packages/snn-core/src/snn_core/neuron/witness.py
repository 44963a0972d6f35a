"""The witness of a program: a step in the neuron's own code, on seeded numbers, which must give what the program gives.

A program was recorded from a user's code, and what that code does may have changed since. So each sequence begins with
one step of the code in the form of that sequence: with the shapes, strides and dtypes of its input and states, and in
the same modes. Its numbers are drawn at random, and the same ones each time; in a real first step, which starts at
rest, a decay or a reset would have no effect.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_core.engines import fused
from snn_core.engines.reference import Reference
from snn_core.engines.registry import Arguments
from snn_core.engines.stepped import kernel_of
from snn_core.neuron.makeup import with_constants
from snn_core.programs.program import StepProgram

_REFERENCE = Reference()
_SMALL = 2**14  # tensors of at most this many numbers are stored; of larger ones, sums


class Witness:
    """A step on seeded numbers, which runs in a neuron's own code and by a program.

    Args:
        x: The input of one step, in the dtype of the state; only its form matters.
        state: A state of a neuron; only its form matters.
        constants: The constants of the neuron, by path. Their values are used, except zeros and large weights.
        differentiates: True to compare gradients too.
    """

    def __init__(self, x: Tensor, state: Any, constants: Mapping[str, Tensor], differentiates: bool) -> None:
        self._inputs = _Inputs(
            _Numbers.of(x, differentiates and x.requires_grad),
            type(state)._make([_Numbers.of(s, differentiates) for s in state]),
            {name: _constant(c, differentiates and c.requires_grad) for name, c in constants.items()},
            tuple(_Numbers.of(s, False) for s in (state[0], *state)),
        )
        is_small = state[0].numel() <= _SMALL
        self._made: _Inputs | None = self._inputs.made() if is_small else None
        self._stored: dict[str, Tensor] | None = None

    def confirms(self, neuron: Any, program: StepProgram) -> bool:
        """Return True if a step in the neuron's own code, as it is now, gives what a program gives.

        Args:
            neuron: The neuron.
            program: The program; the same one in all calls after the first that returned True.
        """
        inputs = self._made or self._inputs.made()
        version = inputs.x._version
        try:
            result = inputs.results(*_by_code(neuron, inputs))
        except Exception:  # the code may raise anything for numbers that it does not expect
            return False
        if inputs.x._version != version:  # it has written into the numbers
            _numbers.cache_clear()
            return False
        if self._stored is not None:
            return _agree({name: _sums(value) for name, value in result.items()}, self._stored, inputs, program)
        with torch.set_grad_enabled(bool(inputs.leaves)):
            expected = inputs.results(*_by_program(program, inputs))
        confirmed = _agree(result, expected, inputs, program)
        if confirmed:
            self._stored = {name: _sums(value) for name, value in result.items()}
        return confirmed


class _Inputs(NamedTuple):
    """The input of a step, the state, the constants and the upstream gradients: tensors, or what they are made of."""

    x: Any
    state: Any
    constants: dict[str, Any]
    upstream: tuple[Any, ...]

    def made(self) -> _Inputs:
        """Return the tensors."""
        state = type(self.state)._make([numbers.made(k) for k, numbers in enumerate(self.state, 1)])
        constants = {name: c.made(0) if isinstance(c, _Numbers) else c for name, c in self.constants.items()}
        upstream = tuple(numbers.made(k) for k, numbers in enumerate(self.upstream, 1 + len(state)))
        return _Inputs(self.x.made(0), state, constants, upstream)

    @property
    def leaves(self) -> dict[str, Tensor]:
        """The tensors whose gradients are compared, by the names of these gradients."""
        named = {"x": self.x, **self.state._asdict(), **self.constants}
        return {f"d {name}": tensor for name, tensor in named.items() if tensor.requires_grad}

    def results(self, *outputs: Tensor) -> dict[str, Tensor]:
        """Return the outputs of a step, and the gradients of its inputs, by name."""
        results = {name: out.detach() for name, out in zip(("emitted", *self.state._fields), outputs, strict=True)}
        leaves = self.leaves
        ends = [(out, g) for out, g in zip(outputs, self.upstream, strict=True) if out.requires_grad]
        if leaves and ends:
            outs, seeds = zip(*ends, strict=True)
            # torch.autograd.grad takes a fourth longer, and imports SymPy if it is passed upstream gradients
            run = torch.autograd.Variable._execution_engine.run_backward
            gradients = run(outs, seeds, False, False, tuple(leaves.values()), True, accumulate_grad=False)
            results |= {name: g for name, g in zip(leaves, gradients, strict=True) if g is not None}
        return results


def _by_code(neuron: Any, inputs: _Inputs) -> Sequence[Tensor]:
    emitted, after, _ = with_constants(neuron, inputs.constants).advance(inputs.x, inputs.state, None)
    return emitted, *after


def _by_program(program: StepProgram, inputs: _Inputs) -> Sequence[Tensor]:
    kernel, constants = kernel_of(_REFERENCE, program), tuple([inputs.constants[name] for name in program.constants])
    call = Arguments(inputs.x.unsqueeze(0), tuple(inputs.state), constants, trace=False)
    emitted, *after = fused.call(kernel, _no_steps, call)
    return emitted.squeeze(0), *after


def _no_steps(_: Arguments) -> Sequence[Tensor]:
    raise RuntimeError("the gradients of a witness are not differentiated again")


def _agree(result: Mapping[str, Tensor], expected: Mapping[str, Tensor], inputs: _Inputs, program: StepProgram) -> bool:
    """Return True if two results are equal: gradients and products up to rounding, all others to the last bit."""
    for name in {**result, **expected}:
        a, b = result.get(name), expected.get(name)
        if a is None or b is None:
            if any(value is not None and bool(value.any()) for value in (a, b)):  # no gradient is one of zero
                return False
        elif not torch.equal(a, b):
            if not b.is_floating_point():  # sums of bits
                return False
            # a program may add gradients in another order, and the rounding of products depends on where they lie
            gradient = name.startswith("d ")
            rounding = 1000 * torch.finfo(inputs.x.dtype).eps if gradient or program.connections else 0.0
            if gradient and name.removeprefix("d ") in inputs.constants:
                rounding = torch.finfo(b.dtype).eps ** 0.5
            least = rounding * _largest(b) if rounding else 0.0
            if a.dtype != b.dtype or not torch.allclose(a, b.expand_as(a), rounding, least, equal_nan=True):
                return False
    return True


def _largest(values: Tensor) -> float:
    finite = values[values.isfinite()]
    return finite.abs().max().item() if finite.numel() else 0.0


def _sums(values: Tensor) -> Tensor:
    """Return a small tensor, or of a large one the sums of its bits over rows and columns, which show a change."""
    if values.numel() <= _SMALL:
        return values
    kind = {2: torch.int16, 4: torch.int32, 8: torch.int64}[values.element_size()]
    bits = values.contiguous().view(kind).flatten(1)
    return torch.cat([bits.sum(0, dtype=kind), bits.sum(1, dtype=kind)])


class _Numbers(NamedTuple):
    """The form of a tensor of random numbers, which lie where all others do, so that they take no memory."""

    shape: torch.Size
    strides: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    learned: bool

    @classmethod
    def of(cls, tensor: Tensor, learned: bool) -> _Numbers:
        """Return the form of a tensor."""
        return cls(tensor.shape, tensor.stride(), tensor.dtype, tensor.device, learned)

    def made(self, number: int) -> Tensor:
        """Return the tensor; others for another number."""
        extent = 1 + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        start = 1009 * number % _PERIOD
        numbers = _numbers(self.dtype, self.device, -(-(start + extent) // _PERIOD))
        return numbers.as_strided(self.shape, self.strides, start).requires_grad_(self.learned)


_PERIOD = 4099  # divides no usual length of an axis


@functools.lru_cache(4)
def _numbers(dtype: torch.dtype, device: torch.device, periods: int) -> Tensor:
    """Return normal random numbers of several sizes, which repeat."""
    with torch.inference_mode(False):
        generator = torch.Generator().manual_seed(0)
        sizes = torch.tensor([0.25, 1.0, 1.0, 4.0, 32.0], device="cpu")
        chosen = torch.randint(len(sizes), (_PERIOD,), generator=generator, device="cpu")
        numbers = sizes[chosen] * torch.randn(_PERIOD, generator=generator, device="cpu")
        return numbers.to(device, dtype).repeat(periods)


def _constant(value: Tensor, learned: bool) -> Any:
    """Return a copy of a constant with random numbers in place of zeros; of a large one, the form alone."""
    numbers = _Numbers.of(value, learned)
    if value.numel() > _SMALL:
        return numbers
    random = numbers._replace(learned=False).made(0)
    return torch.where(value == 0, random / 10, value).detach().requires_grad_(learned)
