"""Surrogates against the peer's, elementwise and inside a neuron."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import snntorch as peer
import snntorch.surrogate
import torch
from torch import Tensor

import snn_core as ours

from .cases import KINDS, spread
from .comparison import Draw, assert_close, outcome

ARGUMENTS = [
    ("atan", {}),
    ("atan", {"alpha": 0.7}),
    ("fast_sigmoid", {}),
    ("fast_sigmoid", {"slope": 3}),
    ("sigmoid", {}),
    ("sigmoid", {"slope": 2.5}),
    ("straight_through_estimator", {}),
    ("heaviside", {}),
    ("spike_rate_escape", {}),
    ("spike_rate_escape", {"beta": 0.5, "slope": 2}),
    ("SSO", {}),
    ("SSO", {"mean": 0.3, "variance": 1.5}),
    ("SFS", {}),
    ("SFS", {"slope": 4, "B": 0.2}),
]


def both(name: str, arguments: dict[str, Any]) -> tuple[Any, Any]:
    return getattr(ours.surrogate, name)(**arguments), getattr(peer.surrogate, name)(**arguments)


def spikes_and_gradient(surrogate: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    torch.manual_seed(3)  # the stochastic surrogate draws from the global generator
    spk = surrogate(x)
    (grad,) = torch.autograd.grad((spk * torch.linspace(-2, 1, x.numel()).view_as(x)).sum(), x)
    return spk, grad


@pytest.mark.parametrize(("name", "arguments"), ARGUMENTS, ids=str)
def test_a_surrogate_is_the_peers_elementwise(name: str, arguments: dict[str, Any]) -> None:
    # where the peer's sigmoid is finite: exp(25 * 3) still is a float32; 0 and B lie on a border and are included
    x = torch.cat([torch.linspace(-3, 3, 121), torch.tensor([0.0, 0.2, 1.0, 1e-8, -1e-8])]).view(7, 18)
    result, expected = (spikes_and_gradient(surrogate, x) for surrogate in both(name, arguments))
    assert torch.equal(result[0], expected[0])
    assert_close(result[1], expected[1], 1e-6 * float(expected[1].abs().max()), "gradient")


@pytest.mark.parametrize(("name", "arguments"), ARGUMENTS, ids=str)
def test_a_neuron_with_a_surrogate_learns_as_the_peers(name: str, arguments: dict[str, Any]) -> None:
    leaky = next(kind for kind in KINDS if kind.name == "Leaky")
    xs = spread(-0.3, 1.0, 12, 3, 5)
    outcomes = []
    for package, surrogate in zip((ours, peer), both(name, arguments), strict=True):
        neuron = package.Leaky(
            spread(0.5, 0.9, 5), spread(0.85, 1.15, 5), surrogate, learn_beta=True, learn_threshold=True
        )
        torch.manual_seed(3)
        outcomes.append(outcome(leaky, neuron, Draw(xs, ())))
    result, expected = outcomes
    assert torch.equal(result.spk, expected.spk)
    for key, right in expected.grads.items():
        assert_close(result.grads[key], right, 1e-5 * float(right.abs().max()), key)


def test_a_custom_surrogate_gets_what_the_peers_gets() -> None:
    calls: list[tuple[Tensor, ...]] = []

    def backward(input_: Tensor, grad_input: Tensor, spikes: Tensor) -> Tensor:
        calls.append((input_, grad_input, spikes))
        return grad_input * (0.5 + spikes) * input_.abs()

    x = torch.linspace(-1, 1, 15).view(3, 5)
    result, expected = (
        spikes_and_gradient(package.surrogate.custom_surrogate(backward), x) for package in (ours, peer)
    )
    assert torch.equal(result[0], expected[0])
    assert torch.equal(result[1], expected[1])
    assert all(torch.equal(left, right) for left, right in zip(*calls, strict=True))


@pytest.mark.parametrize("package", [ours, peer], ids=["ours", "peer"])
def test_a_disabled_surrogate_lets_no_gradient_through_the_spikes(package: Any) -> None:
    x = torch.full((3, 5), 1.5, requires_grad=True)
    spk, mem = package.Leaky(beta=0.5, surrogate_disable=True)(x)
    assert not spk.requires_grad
    assert mem.requires_grad
    assert torch.equal(spk, torch.ones(3, 5))


FUNCTIONS = [
    ("StraightThroughEstimator", ()),
    ("FastSigmoid", (3,)),
    ("ATan", (0.7,)),
    ("Heaviside", ()),
    ("Sigmoid", (2.5,)),
    ("SpikeRateEscape", (0.5, 2)),
    ("StochasticSpikeOperator", (0.3, 1.5)),
    ("SparseFastSigmoid", (4, 0.2)),
    ("CustomSurrogate", (lambda x, grad, spk: grad * (0.5 + spk) * x.abs(),)),
]
OTHERWISE = ("Triangular", "LeakySpikeOperator")  # where the surrogate itself differs


def applied(kind: Any, settings: tuple[Any, ...], x: Tensor) -> Tensor:
    return kind.apply(x, *settings)


@pytest.mark.parametrize(("name", "settings"), FUNCTIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_an_autograd_function_of_the_peers_is_applied_as_there(name: str, settings: tuple[Any, ...]) -> None:
    x = torch.linspace(-2, 2, 41)
    kinds = [getattr(package.surrogate, name) for package in (ours, peer)]
    result, expected = (spikes_and_gradient(partial(applied, kind, settings), x) for kind in kinds)
    assert torch.equal(result[0], expected[0])
    assert_close(result[1], expected[1], 1e-6 * float(expected[1].abs().max()), "gradient")


@pytest.mark.parametrize("name", OTHERWISE)
def test_the_functions_that_differ_are_our_own_surrogates(name: str) -> None:
    kind = getattr(ours.surrogate, name)
    surrogate = {"Triangular": ours.surrogate.triangular, "LeakySpikeOperator": ours.surrogate.LSO}[name](2.0)
    x = torch.linspace(-3, 3, 41)
    left, right = (spikes_and_gradient(s, x) for s in (partial(applied, kind, (2.0,)), surrogate))
    assert torch.equal(left[0], right[0])
    assert torch.equal(left[1], right[1])


def test_every_autograd_function_of_the_peers_is_there() -> None:
    names = {name for name, kind in vars(peer.surrogate).items() if isinstance(kind, type) and hasattr(kind, "apply")}
    assert names == {name for name, _ in FUNCTIONS} | set(OTHERWISE)
