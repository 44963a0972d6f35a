"""The program of a neuron against the neuron itself: the same bits forward, autograd's gradients of its constants."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core.engines import Arguments, Upstream
from snn_core.neuron.makeup import constants_of
from snn_core.surrogate import Surrogate
from snn_cpu.interpreter import Interpreter

from .programs import of_neuron
from .specification import RESETS, SURROGATES, same_bits


class Adaptive(snn.SpikingNeuron):
    """A user's own neuron: of two states, with a threshold that spikes raise and a product of both."""

    class State(NamedTuple):
        trace: Tensor
        mem: Tensor

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.constant("decay", torch.tensor([0.5, 0.6, 0.7, 0.8, 0.9]), learn=True)

    def integrate(self, x: Tensor, state: State) -> State:
        trace = self.decay * state.trace + x.clamp_min(-1)
        return self.State(trace, 0.7 * state.mem + x - 0.1 * trace * state.mem.abs() / (1 + trace**2))


NEURONS = {
    "leaky": lambda **o: snn.Leaky(0.9, learn_beta=True, learn_threshold=True, **o),
    "leaky per neuron": lambda **o: snn.Leaky(torch.linspace(0.1, 0.9, 5), learn_beta=True, **o),
    "lapicque": lambda **o: snn.Lapicque(R=1.5, C=2.0, time_step=0.7, **o),
    "synaptic": lambda **o: snn.Synaptic(0.8, 0.6, learn_alpha=True, learn_beta=True, learn_threshold=True, **o),
    "alpha": lambda **o: snn.Alpha(0.8, 0.6, learn_alpha=True, learn_beta=True, learn_threshold=True, **o),
    "adaptive": Adaptive,
}
KINDS = [(*reset, SURROGATES[1]) for reset in RESETS] + [("subtract", True, spike_grad) for spike_grad in SURROGATES]


def by_autograd(neuron: Any, x: Tensor, states: list[Tensor], trace: bool) -> list[Tensor]:
    state, spikes, traces = neuron.State._make(states), [], []
    for now in x:
        emitted, state, _ = neuron.advance(now, state, None)
        spikes.append(emitted)
        traces.append(state)
    last = [torch.stack(s) for s in zip(*traces, strict=True)] if trace else [*state]
    return [torch.stack(spikes), *last]


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("reset", "delay", "spike_grad"), KINDS)
@pytest.mark.parametrize("name", NEURONS)
def test_a_neuron_and_its_program(
    name: str, reset: str, delay: bool, spike_grad: Surrogate, dtype: torch.dtype, trace: bool
) -> None:
    neuron = NEURONS[name](reset_mechanism=reset, reset_delay=delay, spike_grad=spike_grad)
    program, coefficients = of_neuron(neuron, dtype)
    steps, shape = (35 if dtype == torch.float64 else 9), (3, 5)
    x = (torch.randn(steps, *shape, dtype=dtype) * 0.7 + 0.3).requires_grad_()
    states = [torch.randn(shape, dtype=dtype).mul(0.3).requires_grad_() for _ in program.states]
    expected = by_autograd(neuron, x, states, trace)
    call = Arguments(x.detach(), [s.detach() for s in states], coefficients, trace)
    machine = Interpreter()
    result, saved = machine.forward(program, call, True)
    for f, e in zip(result, expected, strict=True):
        same_bits(f, e.detach())
    upstream = [torch.randn_like(e) for e in expected]
    grad_x, *rest = machine.backward(program, call, Upstream(upstream, saved, (True,)), torch.Size(shape))
    constants = {n: c.detach() for n, c in constants_of(neuron).items()}
    sums = {n: s.to(dtype) for n, s in zip(program.sums, rest[len(states) :], strict=True)}
    last = program.last.run(constants | sums) if program.last.inputs else dict(program.last.outputs)
    learned = {n: c for n, c in constants_of(neuron).items() if c.requires_grad}
    of_constants = [torch.as_tensor(last[f"d {n}"], dtype=dtype).expand(shape) for n in learned]
    ends = [(e, u) for e, u in zip(expected, upstream, strict=True) if e.requires_grad]
    inputs = [x, *states, *learned.values()]
    expected_gradients = torch.autograd.grad([e for e, _ in ends], inputs, [u for _, u in ends], allow_unused=True)
    for f, i, w in zip([grad_x, *rest[: len(states)], *of_constants], inputs, expected_gradients, strict=True):
        gradient = torch.zeros_like(i) if w is None else w
        assert math.isfinite(gradient.abs().max())
        sizes = f.abs().sum_to_size(gradient.shape) if f.shape != gradient.shape else f.abs()
        bound = {torch.float32: 2e-5, torch.float64: 1e-12}[dtype] * (1 + sizes.max() + gradient.abs().max())
        assert (f.sum_to_size(gradient.shape) - gradient).abs().max() <= bound
