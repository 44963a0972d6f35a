"""Forward derivatives of surrogates and whole nets: those of the backward pass, which are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vmap

import snn_core as snn
from snn_core import surrogate

from .test_surrogate import EVERY, FORMULAS
from .zoo import NEURONS, Case, close, started

pytestmark = pytest.mark.exhaustive

SMOOTH = {name: s for name, (s, _) in FORMULAS.items()}
X = torch.tensor([-1.5, -0.6, -0.04, 0.03, 0.7, 1.3], dtype=torch.float64)


@pytest.mark.parametrize(("spike", "formula"), FORMULAS.values(), ids=FORMULAS)
def test_a_tangent_is_multiplied_by_the_published_derivative(
    spike: surrogate.Surrogate, formula: Callable[[float], float]
) -> None:
    tangent = torch.linspace(-2, 3, len(X), dtype=torch.float64)
    expected = tangent * torch.tensor([formula(v) for v in X.tolist()], dtype=torch.float64)
    spk, result = jvp(spike, (X,), (tangent,))
    assert torch.equal(spk, (X > 0).double())
    close(result, expected)
    close(vmap(lambda x, t: jvp(spike, (x,), (t,))[1])(X, tangent), expected)
    with torch.autograd.forward_ad.dual_level():
        dual = spike(torch.autograd.forward_ad.make_dual(X, tangent))
        close(torch.autograd.forward_ad.unpack_dual(dual).tangent, expected)


@pytest.mark.parametrize("name", sorted(EVERY.keys() - {"SSO"}))  # which draws anew in each pass
def test_the_jacobian_is_the_same_forward_and_backward(name: str) -> None:
    close(jacfwd(EVERY[name])(X), jacrev(EVERY[name])(X))


def test_a_random_derivative_is_drawn_forward_as_it_is_backward() -> None:
    torch.manual_seed(1)
    _, result = jvp(surrogate.SSO(), (X,), (torch.ones_like(X),))
    torch.manual_seed(1)
    assert torch.equal(result, surrogate.SSO().derivative(X))


@pytest.mark.parametrize("name", SMOOTH)
def test_the_second_derivative_is_that_of_the_derivative(name: str) -> None:
    spike = SMOOTH[name]
    second = torch.diag(grad(lambda x: spike.derivative(x).sum())(X))
    close(hessian(lambda x: spike(x).sum())(X), second)
    close(jacrev(jacfwd(lambda x: spike(x).sum()))(X), second)


def test_a_forward_derivative_of_a_forward_derivative_is_refused() -> None:
    with pytest.raises(NotImplementedError, match=r"atan\(alpha=2.0\): torch drops.*jacfwd\(jacrev\(f\)\)"):
        jacfwd(jacfwd(surrogate.atan()))(X)


@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_a_neuron_s_sequence_has_the_same_jacobian_forward_and_backward(case: Case) -> None:
    neuron, xs = case.make(), case.input(3, batch=1)
    state = type(started(case, neuron, 1))(*(s.detach() for s in started(case, neuron, 1)))
    tangent, weight = torch.randn_like(xs), torch.rand(3, *neuron.unroll(xs, state)[0].shape[1:], dtype=xs.dtype)

    def loss(xs: Tensor) -> Tensor:
        spk, last = neuron.unroll(xs, state)
        return (weight * spk).sum() + sum(s.square().sum() for s in last)

    close(jvp(loss, (xs,), (tangent,))[1], (grad(loss)(xs) * tangent).sum())


WAYS: dict[str, dict[str, Any]] = {"layers": {}, "steps": {"schedule": "steps"}, "ragged": {"lengths": [5, 3]}}


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_unroll_has_the_same_derivatives_forward_and_backward(options: dict[str, Any]) -> None:
    net = nn.Sequential(
        nn.Linear(3, 4),
        snn.Leaky(beta=0.9, learn_beta=True, learn_threshold=True, init_hidden=True),
        nn.Linear(4, 2),
        snn.Synaptic(alpha=0.8, beta=0.7, init_hidden=True, output=True),
    ).double()
    xs = 2 * torch.rand(5, 2, 3, dtype=torch.float64)

    class Unrolled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, xs: Tensor) -> Tensor:
            spk, _, mem = snn.unroll(self.net, xs, **options)
            return spk.sum(0) + mem.square().sum(0)

    unrolled = Unrolled()
    weights = {name: p.detach() for name, p in unrolled.named_parameters()}

    def run(weights: dict[str, Tensor], xs: Tensor) -> Tensor:
        return functional_call(unrolled, weights, (xs,))

    close(jacfwd(run, argnums=(0, 1))(weights, xs), jacrev(run, argnums=(0, 1))(weights, xs))
    close(hessian(lambda xs: run(weights, xs).sum())(xs), jacrev(jacrev(lambda xs: run(weights, xs).sum()))(xs))
