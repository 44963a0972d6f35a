"""Tests of what is decided once for all sequences of one form, and anew after a neuron has changed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import surrogate
from snn_core.neuron.makeup import Makeup

from .stepped_programs import Stepped, offered
from .zoo import close


@pytest.fixture(autouse=True)
def engine() -> Iterator[Stepped]:
    """The simplest engine, and no other one."""
    engine = Stepped()
    with offered(engine), mock.patch("snn_core.neuron.choice.LEAST_NEURONS", 0):
        yield engine


def outcome(neuron: Any, xs: Tensor, run: Callable[[Any, Tensor], Tensor]) -> list[Tensor]:
    """The spikes of a sequence, and the gradients of the input and of what the neuron learns."""
    leaf = xs.detach().clone().requires_grad_()
    spikes = run(neuron, leaf)
    weights = torch.linspace(-1, 2, spikes.numel(), dtype=spikes.dtype).view_as(spikes)
    tensors = [leaf, *(p for p in neuron.parameters() if p.requires_grad)]
    return [spikes, *torch.autograd.grad((spikes * weights).sum(), tensors, materialize_grads=True)]


def sequence(neuron: Any, xs: Tensor) -> Tensor:
    return neuron.unroll(xs)[0]


def steps(neuron: Any, xs: Tensor) -> Tensor:
    state, spikes = None, []
    for x in xs:
        spk, state = neuron.step(x, state)
        spikes.append(spk)
    return torch.stack(spikes)


def halve(neuron: Any) -> None:
    """Write another equation over the neuron's own."""
    integrate = type(neuron).integrate
    neuron.integrate = lambda x, state: integrate(neuron, 0.5 * x, state)


def negate(neuron: Any) -> None:
    neuron.recurrent.register_forward_hook(lambda layer, args, out: -out)


EACH = torch.linspace(0.1, 0.9, 6, dtype=torch.float64)
CHANGES: dict[str, Callable[[Any], Any]] = {
    "an option": lambda neuron: setattr(neuron, "reset_mechanism", "zero"),
    "an option of the same value and another type": lambda neuron: setattr(neuron, "reset_delay", 0),
    "a surrogate": lambda neuron: setattr(neuron, "spike_grad", surrogate.triangular(0.3)),
    "a value": lambda neuron: neuron.threshold.fill_(0.5),
    "a shape": lambda neuron: setattr(neuron.beta, "data", EACH),
    "another parameter": lambda neuron: setattr(neuron, "beta", nn.Parameter(EACH)),
    "a constant that is learned no more": lambda neuron: neuron.beta.requires_grad_(False),
    "a range": lambda neuron: snn.bounded(neuron, "beta", low=0.2, high=0.95),
    "a part": lambda neuron: setattr(neuron, "recurrent", nn.Linear(6, 6, bias=False).double()),
    "an option of a part": lambda neuron: setattr(neuron.recurrent, "bias", None),
    "a hook on a part": negate,
    "the equation of this neuron": halve,
    "a quantizer": lambda neuron: setattr(neuron, "state_quant", lambda mem: mem.round(decimals=1)),
    "the mode": lambda neuron: neuron.eval(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_sequence_follows_a_change_of_its_neuron(name: str) -> None:
    torch.manual_seed(0)
    neuron = snn.RLeaky(beta=0.8, linear_features=6, learn_beta=True).double()
    xs = torch.rand(9, 5, 6, dtype=torch.float64)
    for _ in range(2):
        close(outcome(neuron, xs, sequence), outcome(neuron, xs, steps))
    CHANGES[name](neuron)
    for _ in range(2):
        close(outcome(neuron, xs, sequence), outcome(neuron, xs, steps))


@pytest.mark.parametrize("learn", [False, True])
def test_a_later_sequence_of_one_form_asks_for_nothing_again(learn: bool) -> None:
    neuron, xs = snn.Synaptic(alpha=0.9, beta=0.8, learn_beta=learn), torch.rand(5, 2, 3)
    neuron.unroll(xs)
    with (
        mock.patch.object(Makeup, "of", side_effect=AssertionError("read again")),
        mock.patch.object(Stepped, "refuses", side_effect=AssertionError("asked again")),
    ):
        neuron.unroll(2 * xs)
        neuron.threshold.fill_(0.5)
        spikes, _ = neuron.unroll(xs)
    assert spikes.equal(steps(neuron, xs))


def test_a_neuron_that_has_run_is_freed_with_its_last_name() -> None:
    gc.disable()
    try:
        neuron = snn.Leaky(beta=0.9)
        neuron.unroll(torch.rand(5, 2, 3))
        alive = weakref.ref(neuron)
        del neuron
        assert alive() is None
    finally:
        gc.enable()
