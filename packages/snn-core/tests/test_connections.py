"""Neurons with weights of their own: what goes through them between steps, and everything else as a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

import snn_core as snn
from snn_core import kernels
from snn_core.engines.registry import loop
from snn_core.neuron import choice
from snn_core.neuron.recurrence import Recurrent

from .stepped_programs import stepped


class RAlpha(Recurrent, snn.Alpha):
    """Recurrence around a neuron, as users write it."""

    class State(NamedTuple):
        spk: Tensor
        syn_exc: Tensor
        syn_inh: Tensor
        mem: Tensor

    def __init__(self, features: int, **options: Any) -> None:
        super().__init__(0.9, 0.8, **options)
        self.connect(linear_features=features)


class Twice(snn.RLeaky):
    """One weight that two states go through, and the membrane without a spike."""

    def integrate(self, x: Tensor, state: Any) -> Any:
        return super().integrate(x + 0.5 * self.recurrent(state.mem), state)


class Joined(snn.SpikingNeuron):
    """One linear layer of the input and of a state, as papers write gates, and one of its parts on its own."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis
        self.gates = nn.Linear(5 + 4 if axis else 4, 8)
        self.constant("beta", 0.7, learn=True)

    def state_shape(self, x: Tensor) -> torch.Size:
        return torch.Size((*x.shape[:-1], 4))

    def integrate(self, x: Tensor, state: Any) -> Any:
        gates = self.gates(torch.cat([x, state.mem], self.axis))
        gate, drive = (gates if self.axis else gates[: len(x)]).split(4, -1)
        return self.State(self.beta * state.mem + gate.sigmoid() * drive.tanh())


class Unread(snn.Leaky):
    """Weights that no step reads."""

    def __init__(self, **options: Any) -> None:
        super().__init__(beta=0.8, **options)
        self.spare = nn.Linear(3, 7)


CELLS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "slstm": (partial(snn.SLSTM, 6, 4, threshold=0.1), (3, 6)),
    "slstm without bias": (partial(snn.SLSTM, 6, 4, bias=False, threshold=0.1), (3, 6)),
    "slstm of more axes": (partial(snn.SLSTM, 6, 4, threshold=0.1), (2, 3, 6)),
    "slstm that learns": (partial(snn.SLSTM, 6, 4, threshold=0.1, learn_threshold=True), (3, 6)),
    "joined": (Joined, (3, 5)),
    "ralpha": (partial(RAlpha, 4), (3, 4)),
    "twice": (partial(Twice, 0.8, linear_features=4), (3, 4)),
    "unread": (Unread, (3, 5)),
}
BEHIND_A_RESET = {("twice", "zero", True), ("joined", "zero", True)}  # whose linear layer takes a cleared membrane
RESETS = [("none", True), ("subtract", True), ("zero", True), ("subtract", False)]


@contextmanager
def gaining() -> Iterator[Any]:
    """An engine, which takes sequences however small they are."""
    with (
        stepped() as engine,
        mock.patch.object(choice, "LEAST_STEPS", 1),
        mock.patch.object(choice, "LEAST_NEURONS", 0),
    ):
        yield engine


def outcome(run: Callable[[], Any], neuron: Any, xs: Tensor, weights: list[Tensor]) -> list[Tensor | None]:
    neuron.zero_grad()
    xs.grad = None
    spk, last = run()
    outs = [spk, *last]
    weights += [torch.randn_like(out) for out in outs[len(weights) :]]
    torch.autograd.backward([(out * w).sum() for out, w in zip(outs, weights, strict=True)])
    gradients = [xs.grad, *(p.grad for p in neuron.parameters())]
    return [*(out.detach() for out in outs), *(None if g is None else g.clone() for g in gradients)]


def by_loop(neuron: Any, xs: Tensor, trace: bool) -> Any:
    shape = neuron.state_shape(xs[0])
    return loop(neuron.advance, xs, neuron.State._make([xs.new_zeros(shape) for _ in neuron.State._fields]), trace)


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(("reset", "delay"), RESETS)
@pytest.mark.parametrize("name", CELLS)
def test_values_and_all_gradients_are_those_of_the_loop(name: str, reset: str, delay: bool, trace: bool) -> None:
    torch.manual_seed(0)
    make, shape = CELLS[name]
    neuron = make(reset_mechanism=reset, reset_delay=delay).double()
    xs, weights = torch.randn(7, *shape, dtype=torch.float64, requires_grad=True), []
    expected = outcome(lambda: by_loop(neuron, xs, trace), neuron, xs, weights)
    with gaining() as engine:
        first = outcome(lambda: neuron.unroll(xs, trace=trace), neuron, xs, weights)
        again = outcome(lambda: neuron.unroll(xs, trace=trace), neuron, xs, weights)
    assert {*engine.calls} == (set() if (name, reset, delay) in BEHIND_A_RESET else {"forward", "backward"})
    for outputs in (first, again):
        for f, e in zip(outputs, expected, strict=True):
            assert (f is None) == (e is None)
            if f is not None and e is not None:
                torch.testing.assert_close(f, e, rtol=1e-10, atol=1e-10)


def test_a_step_after_a_state_goes_on_from_it() -> None:
    torch.manual_seed(0)
    neuron, xs = snn.SLSTM(5, 3, threshold=0.1).double(), torch.randn(6, 2, 5, dtype=torch.float64)
    with gaining():
        whole = neuron.unroll(xs)
        spk, state = neuron.unroll(xs[:4])
        rest, last = neuron.unroll(xs[4:], state)
    torch.testing.assert_close(torch.cat([spk, rest]), whole[0])
    torch.testing.assert_close([*last], [*whole[1]])


def test_first_and_second_derivatives() -> None:
    torch.manual_seed(0)
    neuron = snn.SLSTM(3, 2, threshold=10.0).double()
    xs = torch.randn(3, 2, 3, dtype=torch.float64, requires_grad=True)
    weights = [*neuron.lstm_cell.parameters()]
    with gaining():

        def mem(*_: Tensor) -> Tensor:
            return neuron.unroll(xs)[1].mem

        assert torch.autograd.gradcheck(mem, (xs, *weights))
        assert torch.autograd.gradgradcheck(mem, (xs, *weights))


@pytest.mark.parametrize("frozen", ["weight_ih", "weight_hh", "bias_ih", "bias_hh"])
def test_frozen_weights_have_no_gradient_and_the_others_theirs(frozen: str) -> None:
    torch.manual_seed(0)
    neuron, xs = snn.SLSTM(5, 3, threshold=0.1).double(), torch.randn(4, 2, 5, dtype=torch.float64)
    getattr(neuron.lstm_cell, frozen).requires_grad_(False)
    weights: list[Tensor] = []
    expected = outcome(lambda: by_loop(neuron, xs, False), neuron, xs, weights)
    with gaining() as engine:
        outputs = outcome(lambda: neuron.unroll(xs), neuron, xs, weights)
    assert "backward" in engine.calls
    assert [f is None for f in outputs] == [e is None for e in expected]
    torch.testing.assert_close([f for f in outputs if f is not None], [e for e in expected if e is not None])


def test_an_empty_batch_and_a_pass_without_gradients() -> None:
    neuron = snn.SLSTM(5, 3)
    with gaining():
        spk, last = neuron.unroll(torch.zeros(4, 0, 5, requires_grad=True))
        last.mem.sum().backward()
        assert spk.shape == (4, 0, 3)
        assert neuron.lstm_cell.weight_hh.grad.eq(0).all()
        with torch.no_grad():
            assert not neuron.unroll(torch.rand(4, 2, 5))[0].requires_grad


def test_the_program_names_its_connections() -> None:
    text = str(snn.program(snn.SLSTM(6, 4, bias=False), sample=(6,)))
    assert text.startswith(
        "connections:\n"
        "  x, c0.1, c0.2, c0.3 = linear(input, lstm_cell.weight_ih)\n"
        "  x, c0.1, c0.2, c0.3 = linear(mem, lstm_cell.weight_hh)\n"
    )
    recurrent = snn.program(snn.RLeaky(0.9, linear_features=4), sample=(4,))
    assert str(recurrent).startswith("connections:\n  c0 = linear(spk, recurrent.weight, recurrent.bias)\n")
    assert recurrent.states == ("spk", "mem", "c0")


class Changed(snn.SLSTM):
    """An LSTM whose step does something to what its connections take."""

    def __init__(self, change: Callable[[Tensor, Any], tuple[Tensor, Any]]) -> None:
        super().__init__(6, 4, threshold=0.1)
        self.change = change

    def integrate(self, x: Tensor, state: Any) -> Any:
        return super().integrate(*self.change(x, state))


REFUSED: dict[str, tuple[Callable[[], Any], tuple[int, ...], str]] = {
    "detached": (lambda: Changed(lambda x, s: (x, s._replace(mem=s.mem.detach()))), (3, 6), "something other than the"),
    "halved": (lambda: Changed(lambda x, s: (x, s._replace(mem=s.mem / 2))), (3, 6), "something other than the input"),
    "scaled": (lambda: Changed(lambda x, s: (2 * x, s)), (3, 6), "does not have the input's shape"),
    "convolved": (partial(snn.SConv2dLSTM, 2, 3, 3), (3, 2, 6, 6), "weights that are not those of a linear layer"),
    "joined elsewhere": (partial(Joined, axis=0), (3, 4), "along an axis other than the last"),
    "competing": (partial(RAlpha, 4, inhibition=True), (3, 4), "inhibition compares neurons"),
    "without a batch": (partial(RAlpha, 4), (4,), "no batch axis"),
    "parametrized": (lambda: parametrized(snn.SLSTM(6, 4)), (3, 6), "weights that are computed"),
}


class Positive(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight.abs()


def parametrized(neuron: Any) -> Any:
    parametrize.register_parametrization(neuron.lstm_cell, "weight_hh", Positive())
    return neuron


@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_that_is_not_a_connection_says_why_and_gives_the_same(name: str) -> None:
    make, shape, reason = REFUSED[name]
    torch.manual_seed(0)
    neuron, xs, weights = make(), torch.randn(5, *shape, requires_grad=True), []
    expected = outcome(lambda: by_loop(neuron, xs, False), neuron, xs, weights)
    with gaining() as engine:
        choice = kernels.choose(neuron, xs)
        assert choice.name == "reference"
        assert reason in choice.reason
        outputs = outcome(lambda: neuron.unroll(xs), neuron, xs, weights)
    assert engine.calls == []
    for f, e in zip(outputs, expected, strict=True):
        torch.testing.assert_close(f, e, rtol=0, atol=0)


def test_a_few_neurons_or_steps_run_by_the_loop() -> None:
    neuron = snn.SLSTM(5, 64)
    with stepped() as engine:
        for shape in ((8, 31, 5), (7, 32, 5)):
            reason = kernels.choose(neuron, torch.zeros(shape)).reason
            assert "is faster only with 8 or more steps and 2048 or more neurons" in reason
            neuron.unroll(torch.zeros(shape))
        assert engine.calls == []
        assert kernels.choose(neuron, torch.zeros(8, 32, 5)).name == engine.name
