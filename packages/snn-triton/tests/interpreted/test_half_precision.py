"""Input, spikes and states of half precision: a kernel computes in float32, and rounds what it writes once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.engines import Arguments, Upstream
from snn_core.neuron.makeup import constants_of
from snn_triton.engine import Engine

from .comparison import by_kernels, by_steps, drive, near, offered, same_bits, started

HALVES = [torch.float16, torch.bfloat16]
NEURONS = {
    "leaky": lambda: snn.Leaky(0.9, learn_beta=True, learn_threshold=True),
    "synaptic": lambda: snn.Synaptic(0.8, 0.7, reset_mechanism="zero", learn_alpha=True),
    "alpha": lambda: snn.Alpha(0.8, 0.7, learn_beta=True, spike_grad=snn.surrogate.sigmoid()),
}
every_half = pytest.mark.parametrize("half", HALVES, ids=str)
every_neuron = pytest.mark.parametrize("name", NEURONS)


def by_engine(
    engine: Engine, neuron: Any, xs: Tensor, state: Any, trace: bool, grads: list[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs, and the gradients of input and first states."""
    program = snn.program(neuron, xs.dim() - 1)
    with torch.no_grad():
        coefficients = list(program.once.run(constants_of(neuron)).values())
    call = Arguments(xs, [*state], coefficients, trace)
    out, saved = engine.forward(program, call, True)
    back = engine.backward(program, call, Upstream(grads, saved, (True,)), torch.Size())
    return [*out], [g for g in back[: 1 + len(state)] if g is not None]


def by_reference(neuron: Any, xs: Tensor, state: Any, trace: bool, grads: list[Tensor]) -> Any:
    """The same in float32, by the neuron's steps."""
    leaves = [t.float().requires_grad_() for t in (xs, *state)]
    spikes, last = by_steps(neuron, leaves[0], neuron.State._make(leaves[1:]), trace)
    outputs = [spikes, *last]
    ends = [(o, g.float()) for o, g in zip(outputs, grads, strict=True) if o.requires_grad]
    gradients = torch.autograd.grad([o for o, _ in ends], leaves, [g for _, g in ends], allow_unused=True)
    return outputs, [torch.zeros_like(t) if g is None else g for t, g in zip(leaves, gradients, strict=True)]


def in_half(x: Tensor, half: torch.dtype) -> Tensor:
    """Numbers of float32 as they are written in half precision.

    Triton's interpreter cuts bits off where it writes bfloat16; a GPU rounds to the nearest.
    """
    x = x.detach() + 0.0  # a zero that nothing leads to has no sign
    return (x.view(torch.int32) & ~0xFFFF).view(torch.float32).to(half) if half == torch.bfloat16 else x.to(half)


@every_half
@pytest.mark.parametrize("trace", [False, True])
@every_neuron
def test_half_input_with_states_of_float32(name: str, trace: bool, half: torch.dtype, wide_engine: Engine) -> None:
    neuron, xs = NEURONS[name](), drive(9, 3, 5, dtype=half)
    state = started(neuron, xs.float())
    shape = (9, 3, 5) if trace else (3, 5)
    grads = [drive(9, 3, 5, dtype=half, seed=11), *(drive(*shape, dtype=torch.float32, seed=12) for _ in state)]
    outputs, gradients = by_engine(wide_engine, neuron, xs, state, trace, grads)
    expected, expected_gradients = by_reference(neuron, xs, state, trace, grads)
    assert [o.dtype for o in outputs] == [half, *[torch.float32] * len(state)]
    assert torch.equal(outputs[0].float(), expected[0])
    near(outputs[1:], expected[1:], 1e-6)
    assert [g.dtype for g in gradients] == [half, *[torch.float32] * len(state)]
    near(gradients[1:], expected_gradients[1:], 1e-5)
    near([gradients[0].float()], expected_gradients[:1], torch.finfo(half).eps)


@every_half
@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("name", ["leaky", "synaptic"])  # the sigmoid is not PyTorch's to the bit
def test_states_of_half_precision_are_rounded_once(
    name: str, trace: bool, half: torch.dtype, wide_engine: Engine
) -> None:
    neuron, xs = NEURONS[name](), drive(9, 3, 5, dtype=half)
    state = neuron.State._make([s.to(half) for s in started(neuron, xs.float())])
    shape = (9, 3, 5) if trace else (3, 5)
    grads = [drive(9, 3, 5, dtype=half, seed=11), *(drive(*shape, dtype=half, seed=12) for _ in state)]
    outputs, gradients = by_engine(wide_engine, neuron, xs, state, trace, grads)
    expected, expected_gradients = by_reference(neuron, xs, state, trace, grads)
    for f, e in zip([*outputs, *gradients], [*expected, *expected_gradients], strict=True):
        same_bits(f + 0.0, in_half(e, half) + 0.0)


@every_half
@every_neuron
@pytest.mark.usefixtures("wide")
def test_a_neuron_of_float32_takes_half_input(name: str, half: torch.dtype) -> None:
    neuron, xs = NEURONS[name](), drive(9, 3, 5, dtype=half).requires_grad_()
    rest = neuron.State._make([torch.zeros(3, 5, dtype=half) for _ in neuron.State._fields])
    spikes, last = by_kernels(neuron, xs, rest, False)
    assert {t.dtype for t in (spikes, *last)} == {half}
    weights = drive(9, 3, 5, dtype=half, seed=11)
    leaves = [xs, *neuron.parameters()]
    gradients = torch.autograd.grad([spikes], leaves, [weights])
    leaf = xs.detach().float().requires_grad_()
    expected, _ = by_steps(neuron, leaf, neuron.State._make([s.float() for s in rest]), False)
    assert torch.equal(spikes.float(), expected)
    expected_gradients = torch.autograd.grad([expected], [leaf, *neuron.parameters()], [weights.float()])
    near([gradients[0].float()], expected_gradients[:1], torch.finfo(half).eps)
    near(gradients[1:], expected_gradients[1:], 1e-5)


@every_half
@pytest.mark.usefixtures("wide")
def test_a_whole_neuron_of_half_precision(half: torch.dtype) -> None:
    neuron = snn.Leaky(torch.linspace(0.25, 0.75, 5), learn_beta=True).to(half)
    xs = drive(9, 3, 5, dtype=half)
    spikes, (mem,) = by_kernels(neuron, xs, neuron.State(torch.zeros(3, 5, dtype=half)), False)
    twin = snn.Leaky(neuron.beta.detach().float())
    expected, (last,) = by_steps(twin, xs.float(), twin.State(torch.zeros(3, 5)), False)
    same_bits(spikes.detach(), expected.to(half))
    same_bits(mem.detach() + 0.0, in_half(last, half))
    (gradient,) = torch.autograd.grad(spikes.sum(), neuron.beta)
    assert gradient.dtype == half
    assert gradient.isfinite().all()


@every_half
def test_under_autocast_a_net_reads_half_precision_and_computes_in_float32(
    half: torch.dtype, wide_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = nn.Sequential(
        nn.Linear(4, 6),
        snn.Leaky(0.8, init_hidden=True, learn_beta=True),
        nn.Linear(6, 5),
        snn.Synaptic(0.7, 0.8, init_hidden=True, output=True, learn_alpha=True),
    )
    xs, results, read = drive(9, 3, 4, dtype=torch.float32), [], []
    forward = Engine.forward

    def noted(self: Engine, program: Any, call: Arguments, save: bool) -> Any:
        read.append(call.x.dtype)
        return forward(self, program, call, save)

    monkeypatch.setattr(Engine, "forward", noted)
    for engines in ((wide_engine,), ()):
        net.zero_grad()
        snn.utils.reset(net)
        with offered(*engines), torch.autocast("cpu", half):
            spikes, *states = snn.unroll(net, xs)
            (spikes.float().sum() + sum(s.sum() for s in states)).backward()
        results.append(([spikes, *states], [p.grad.clone() for p in net.parameters()]))
    (outputs, gradients), (expected, reference) = results
    assert read.count(half) == 2  # besides what the engine looks at a program by
    assert [o.dtype for o in outputs] == [half, torch.float32, torch.float32]
    assert torch.equal(outputs[0], expected[0])
    assert outputs[0].any()
    near(outputs[1:], expected[1:], 1e-6)
    near(gradients, reference, 2 * torch.finfo(half).eps)  # each is a sum of rounded numbers, some of which cancel
