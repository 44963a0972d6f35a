"""A sequence of a neuron by its steps, and by the kernels; and how far the two may be apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor

import snn_core as snn
from snn_core import kernels
from snn_core.engines import registry
from snn_core.engines.fused import broadcasts
from snn_core.neuron.makeup import with_constants
from snn_triton.engine import Engine

# of the instructions whose results are rounded to the nearest by PyTorch and by kernels
ROUNDED = {"add", "sub", "mul", "div", "neg", "abs", "square", "reciprocal", "sign", "floor", "round", "clamp", "where"}
ROUNDED |= {"gt", "ge", "lt", "le", "eq", "ne", "and", "or", "not", "xor", "minimum", "maximum", "number"}

STATES = {torch.float32: 1e-6, torch.float64: 1e-14}
GRADIENTS = {torch.float32: 1e-5, torch.float64: 1e-12}
DTYPES = [*STATES]

Run = Callable[..., tuple[Tensor, Any]]


@contextmanager
def offered(*engines: Engine) -> Iterator[None]:
    """Engines, and no kernel or engine besides them."""
    kernels.status()  # whatever is installed registers now or never
    with mock.patch.object(registry, "_OFFERED", {}):
        for engine in engines:
            kernels.register("program", engine)
        yield


def drive(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 1, device: torch.device | str = "cpu") -> Tensor:
    """Input of mean 0.4 and deviation 1.2, by which neurons fire in a third or so of the steps."""
    generator = torch.Generator().manual_seed(seed)
    return (1.2 * torch.randn(shape, generator=generator, dtype=torch.float64) + 0.4).to(device, dtype)


def started(neuron: Any, xs: Tensor) -> Any:
    """A state that is not rest: what two steps of other input leave."""
    state = None
    for x in drive(2, *xs.shape[1:], dtype=xs.dtype, seed=2, device=xs.device):
        _, state = neuron.step(x, state)
    return neuron.State._make([s.detach().clone() for s in state])


def same_bits(result: Tensor, expected: Tensor) -> None:
    """Assert that two tensors hold the same bits, or NaN where the other one does."""
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
    nan = expected.isnan()
    assert torch.equal(result.isnan(), nan)
    integers = {8: torch.int64, 4: torch.int32, 2: torch.int16}[result.element_size()]
    bits = [t.detach().contiguous().view(integers).masked_fill(nan, 0) for t in (result, expected)]
    assert torch.equal(*bits), f"{int((bits[0] != bits[1]).sum())} of {nan.numel()} differ"


def near(
    result: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float, sizes: Sequence[Tensor | None] = ()
) -> None:
    """Assert that tensors are as near to others as a part of the largest number in each of these.

    Args:
        result: The tensors.
        expected: The others.
        tolerance: The part.
        sizes: What to take a part of in place of some of these, such as the sizes of what they are sums of.
    """
    for number, (f, e, size) in enumerate(zip(result, expected, sizes or [None] * len(expected), strict=True)):
        assert (f.dtype, f.shape) == (e.dtype, e.shape)
        if e.numel():
            scale = float((e if size is None else size).detach().abs().max())
            assert math.isfinite(scale)
            apart = float((f - e).detach().abs().max())
            assert apart <= tolerance * scale, f"tensor {number}: {apart} of {scale}"


def by_steps(neuron: Any, xs: Tensor, state: Any, trace: bool) -> tuple[Tensor, Any]:
    """The specification of a sequence: the neuron's own step in a loop."""
    spikes, last = kernels.loop(neuron.advance, xs, state, trace)
    return neuron.graded(spikes), last


def by_kernels(neuron: Any, xs: Tensor, state: Any, trace: bool) -> tuple[Tensor, Any]:
    """A sequence by the engine that is offered."""
    choice = kernels.choose(neuron, xs)
    assert choice.name == "snn-triton", choice.reason
    return neuron.unroll(xs, state, trace=trace)


def is_rounded(neuron: Any, xs: Tensor) -> bool:
    """Return True if every instruction of a step is rounded to the nearest by PyTorch too, and it has no weights."""
    try:
        program = snn.program(neuron, xs.dim() - 1, xs.dtype)
    except ValueError:  # of a neuron with weights a sample's shape is asked for
        return False
    return not program.connections and {name for name, _ in program.forward.instructions} <= ROUNDED


class Comparison:
    """A sequence of a neuron with all that it is asked for.

    Args:
        neuron: The neuron.
        xs: Its input.
        state: Its state before the first step; that after two steps if None.
        trace: True if every step's states are asked for.
        absent: The outputs that have no gradient, by number: the spikes are 0.
        need_x: Whether the input has one.
    """

    def __init__(
        self,
        neuron: Any,
        xs: Tensor,
        state: Any = None,
        trace: bool = False,
        absent: Collection[int] = (),
        need_x: bool = True,
    ) -> None:
        self.neuron, self.xs, self.trace, self.absent, self.need_x = neuron, xs, trace, absent, need_x
        self.state = started(neuron, xs) if state is None else state

    def outcome(self, run: Run) -> tuple[list[Tensor], list[Tensor]]:
        """Spikes and states; and the gradients of input, first states and parameters, zero where there is none."""
        xs = self.xs.detach().requires_grad_(self.need_x)
        state = self.neuron.State._make([s.detach().requires_grad_() for s in self.state])
        spikes, last = run(self.neuron, xs, state, self.trace)
        outputs = [spikes, *last]
        leaves = [*[xs] * self.need_x, *state, *self.neuron.parameters()]
        ends, seeds = self.ends(outputs)
        gradients = torch.autograd.grad(ends, leaves, seeds, allow_unused=True)
        return outputs, [torch.zeros_like(t) if g is None else g for t, g in zip(leaves, gradients, strict=True)]

    def upstream(self, number: int, output: Tensor) -> Tensor:
        """The gradient of an output."""
        return drive(*output.shape, dtype=output.dtype, seed=11 + number, device=output.device)

    def ends(self, outputs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """The outputs that have a gradient, and their gradients."""
        ends = [(n, o) for n, o in enumerate(outputs) if n not in self.absent and o.requires_grad]
        return [o for _, o in ends], [self.upstream(n, o) for n, o in ends]

    def addends(self) -> list[Tensor | None]:
        """For each parameter that is a constant of single neurons, the sizes of what its gradient is the sum of.

        Roundings do not shrink with what is left of a sum: it has an addend for each step and column.
        """
        neuron, state, carried, each, spikes, states = self.neuron, self.state, None, [], [], []
        shape = neuron.state_shape(self.xs[0])
        names = [n for n, _ in neuron.named_parameters()]
        constants = {
            n: p
            for n, p in neuron.named_parameters()
            if broadcasts(p.shape, shape) and n.rpartition(".")[2] in (n, "V")
        }
        for x in self.xs.detach():
            each.append({n: c.detach().expand(shape).clone().requires_grad_() for n, c in constants.items()})
            twin = with_constants(neuron, each[-1])
            spk, state, carried = twin.advance(x, state, carried)
            spikes.append(twin.graded(spk))
            states.append(state)
        if self.trace:
            state = [torch.stack(s) for s in zip(*states, strict=True)]
        leaves = [c for step in each for c in step.values()]
        outputs, seeds = self.ends([torch.stack(spikes), *state])
        gradients = torch.autograd.grad(outputs, leaves, seeds, allow_unused=True) if leaves and outputs else []
        sizes = [torch.zeros_like(c) if g is None else g.abs() for g, c in zip(gradients, leaves, strict=False)]
        sums = {name: sum(sizes[n :: len(constants)]) for n, name in enumerate(constants)} if sizes else {}
        return [sums[n].sum_to_size(constants[n].shape) if n in sums else None for n in names]

    def agrees(self) -> None:
        """Assert that the kernels give what the steps give."""
        expected, gradients = self.outcome(by_steps)
        result, computed = self.outcome(by_kernels)
        assert torch.equal(result[0], expected[0]), f"{int((result[0] != expected[0]).sum())} spikes differ"
        if is_rounded(self.neuron, self.xs):
            for f, e in zip(result[1:], expected[1:], strict=True):
                same_bits(f + 0.0, e + 0.0)  # a zero that nothing leads to has no sign
        near(result[1:], expected[1:], STATES[self.xs.dtype])
        sizes = [*[None] * (len(gradients) - len([*self.neuron.parameters()])), *self.addends()]
        near(computed, gradients, GRADIENTS[self.xs.dtype], sizes)
