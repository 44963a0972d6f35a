"""Neurons that nobody has thought of: equations drawn at random, by their programs and step by step."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import snn_core as snn
from snn_core import kernels

from .stepped_programs import stepped

UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "exp": lambda a: torch.exp(-a.abs()),
    "expm1": lambda a: torch.expm1(-a.abs()),
    "log": lambda a: torch.log(a.abs() + 0.5),
    "log1p": lambda a: torch.log1p(a.abs()),
    "sqrt": lambda a: torch.sqrt(a.abs() + 0.25),
    "rsqrt": lambda a: torch.rsqrt(a.abs() + 0.25),
    "reciprocal": lambda a: torch.reciprocal(a.abs() + 0.5),
    "square": lambda a: torch.square(a.clamp(-3, 3)),
    "cube": lambda a: a.clamp(-2, 2) ** 3,
    "sin": torch.sin,
    "cos": torch.cos,
    "neg": torch.neg,
    "abs": torch.abs,
    "sign": torch.sign,
    "floor": torch.floor,
    "round": torch.round,
    "relu": torch.relu,
    "clamp": lambda a: a.clamp(-0.5, 0.75),
    "less": lambda a: 1 - a,
    "half": lambda a: 0.5 * a,
}
BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": lambda a, b: a * b.clamp(-2, 2),
    "div": lambda a, b: a / (1 + b.abs()),
    "minimum": torch.minimum,
    "maximum": torch.maximum,
    "above": lambda a, b: (a > b).to(a.dtype),
    "either": lambda a, b: torch.where((a >= 0) | (b < 0), a, b),
    "neither": lambda a, b: torch.where(~(a >= 0) & (b != 0), b, 0.25),
}


class Drawn(snn.SpikingNeuron):
    """A neuron whose equation is a list of instructions on what came before: input, state, constants."""

    def __init__(self, instructions: tuple[tuple[Any, ...], ...], neurons: int, **options: Any) -> None:
        super().__init__(**options)
        self.instructions = instructions
        self.constant("gain", 0.75, learn=True)
        self.constant("each", torch.linspace(-0.5, 1.0, neurons), learn=True)

    def integrate(self, x: Tensor, state: Any) -> Any:
        values = [x, *state, self.gain, self.each]
        for name, *operands in self.instructions:
            values.append((UNARY | BINARY)[name](*(values[i] for i in operands)))
        new = values[-len(state) :]
        return self.State(*(0.5 * old + value.clamp(-4, 4) for old, value in zip(state, new, strict=True)))


class One(Drawn):
    """One state."""

    class State(NamedTuple):
        mem: Tensor


class Two(Drawn):
    """Two states."""

    class State(NamedTuple):
        mem: Tensor
        first: Tensor


class Three(Drawn):
    """Three states."""

    class State(NamedTuple):
        first: Tensor
        mem: Tensor
        second: Tensor


@st.composite
def neurons(draw: Any, width: int) -> Drawn:
    """A neuron of 1 to 3 states and 3 to 25 instructions."""
    kind = draw(st.sampled_from([One, Two, Three]))
    known = 3 + len(kind.State._fields)
    instructions = []
    for index in range(draw(st.integers(3, 25))):
        earlier = st.integers(0, known + index - 1)
        name = draw(st.sampled_from([*UNARY, *BINARY]))
        instructions.append((name, *(draw(earlier) for _ in range(1 if name in UNARY else 2))))
    return kind(
        tuple(instructions),
        width,
        threshold=0.5,
        reset_mechanism=draw(st.sampled_from(["subtract", "zero", "none"])),
        reset_delay=draw(st.booleans()),
        spike_grad=draw(
            st.sampled_from([snn.surrogate.atan(), snn.surrogate.fast_sigmoid(5), snn.surrogate.triangular()])
        ),
    ).double()


def outcome(neuron: Drawn, xs: Tensor, run: Callable[..., Any], trace: bool) -> tuple[Tensor, ...]:
    """Spikes, states, and the gradients of input, first state and constants."""
    leaf = xs.clone().requires_grad_()
    state = neuron.State._make([xs[0].sin().requires_grad_() for _ in neuron.State._fields])
    spk, last = run(leaf, state, trace=trace)
    weights = torch.linspace(-1, 1, spk.numel(), dtype=xs.dtype).view_as(spk)
    total = (spk * weights).sum() + sum((s * s.detach().cos()).sum() for s in last)
    leaves = [leaf, *state, neuron.gain, neuron.each]
    grads = torch.autograd.grad(total, leaves, allow_unused=True)
    return (spk, *last, *(torch.zeros_like(t) if g is None else g for t, g in zip(leaves, grads, strict=True)))


@pytest.mark.exhaustive
@pytest.mark.parametrize("engine", [stepped, nullcontext], ids=["one by one", "as installed"])
@settings(max_examples=200)
@given(data=st.data())
def test_a_neuron_drawn_at_random_is_its_program(engine: Callable[[], Any], data: Any) -> None:
    width, trace = data.draw(st.sampled_from([1, 5, 19])), data.draw(st.booleans())
    neuron = data.draw(neurons(width))
    xs = torch.randn(5, 2, width, dtype=torch.float64, generator=torch.Generator().manual_seed(width)) * 1.5
    with engine() as own:
        result = outcome(neuron, xs, neuron.unroll, trace)
    assert own is None or own.calls == ["forward", "backward"], kernels.choose(neuron, xs).reason
    expected = outcome(neuron, xs, lambda x, s, trace: kernels.loop(neuron.advance, x, s, trace), trace)
    for actual, reference in zip(result, expected, strict=True):
        scale = max(1.0, float(reference.detach().abs().max()))
        assert math.isfinite(scale)
        torch.testing.assert_close(actual, reference, rtol=1e-11, atol=1e-11 * scale)
