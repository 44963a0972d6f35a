"""Neurons that take a whole sequence, against the peer's with the same weights."""

from __future__ import annotations

import math
from typing import Any

import pytest
import snntorch as peer
import torch
from torch import Tensor, nn

import snn_core as ours

from .cases import spread
from .comparison import MARGIN, assert_close, gradients

T, B = 11, 3


def assert_same(neuron: nn.Module, expected: nn.Module, xs: Tensor) -> None:
    """Outputs and every gradient of two modules with the same weights."""
    result = []
    for module in (neuron, expected):
        leaf = xs.clone().requires_grad_()
        outputs = module(leaf)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        result.append((outputs, gradients(module, outputs, {"input": leaf})))
    (left, left_grads), (right, right_grads) = result
    for index, (mine_out, theirs_out) in enumerate(zip(left, right, strict=True)):
        assert_close(mine_out, theirs_out, 1e-5, f"output {index}")
    assert left_grads.keys() == right_grads.keys()
    for name, grad in right_grads.items():
        assert_close(left_grads[name], grad, 1e-5 * float(grad.abs().max()), f"gradient of {name}")


def load(peer_net: nn.Module, net: nn.Module) -> None:
    missing, unexpected = net.load_state_dict(peer_net.state_dict(), strict=True)
    assert not missing
    assert not unexpected


@pytest.mark.parametrize("learn", [False, True], ids=["frozen", "learned"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("beta", [None, 0.7, 1], ids=str)
def test_leaky_parallel_is_the_peers(beta: float | None, bias: bool, learn: bool) -> None:
    options: dict[str, Any] = {"bias": bias, "learn_beta": learn, "learn_threshold": True, "threshold": 0.5}
    peer_net = peer.LeakyParallel(7, 5, beta=beta, **options)
    net = ours.LeakyParallel(7, 5, beta=beta, **options)
    load(peer_net, net)
    xs = spread(-1, 1, T, B, 7)
    membrane, _ = peer_net.rnn(xs)
    assert float((membrane - 0.5).detach().abs().min()) > MARGIN
    assert 0.02 < float(peer_net(xs).detach().mean()) < 0.9
    assert_same(net, peer_net, xs)


def test_leaky_parallel_keeps_its_recurrent_weight_diagonal_while_it_learns() -> None:
    peer_net, net = (package.LeakyParallel(7, 5, beta=0.7, learn_beta=True) for package in (peer, ours))
    load(peer_net, net)
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.1) for module in (net, peer_net)]
    for step in range(3):
        for module, optimizer in zip((net, peer_net), optimizers, strict=True):
            optimizer.zero_grad()
            module(spread(-1, 1.0 + step, T, B, 7)).sum().backward()
            optimizer.step()
    load_back = ours.LeakyParallel(7, 5, beta=0.7, learn_beta=True)
    load(peer_net, load_back)
    weights = [dict(module.state_dict())["rnn.weight_hh_l0"] for module in (net, peer_net, load_back)]
    off_diagonal = weights[0] - torch.diag(weights[0].diagonal())
    assert torch.equal(off_diagonal, torch.zeros(5, 5))
    assert not torch.equal(weights[0].diagonal(), torch.full((5,), 0.7))
    for weight in weights[1:]:
        assert_close(weights[0], weight, 1e-5, "recurrent weight")


@pytest.mark.parametrize("graded", [1.0, 0.5])
def test_leaky_parallel_grades_its_spikes_as_the_peers(graded: float) -> None:
    options = {"graded_spikes_factor": graded, "learn_graded_spikes_factor": True, "threshold": 0.5}
    peer_net, net = (package.LeakyParallel(7, 5, beta=0.7, **options) for package in (peer, ours))
    load(peer_net, net)
    assert_same(net, peer_net, spread(-1, 1, T, B, 7))


BETAS = [0.8, 0.0, "per channel"]


def _beta(beta: Any) -> Any:
    return spread(0.3, 0.9, 5) if beta == "per channel" else torch.tensor(beta)


@pytest.mark.parametrize("truncation", [None, 4], ids=["whole kernel", "truncated kernel"])
@pytest.mark.parametrize("output", [True, False], ids=["spikes", "membrane"])
@pytest.mark.parametrize("learn", [False, True], ids=["frozen", "learned"])
@pytest.mark.parametrize("beta", BETAS, ids=str)
def test_a_saved_state_leaky_gives_the_peers_numbers(
    beta: Any, learn: bool, output: bool, truncation: int | None
) -> None:
    options = {"learn_beta": learn, "output": output, "kernel_truncation_steps": truncation}
    peer_net = peer.StateLeaky(_beta(beta), channels=5, **options)
    net = ours.StateLeaky(_beta(beta), channels=5, **options)
    load(peer_net, net)
    compare_numbers(net, peer_net, spread(-0.4, 0.8, T, B, 5), output)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("output", [True, False], ids=["spikes", "membrane"])
@pytest.mark.parametrize("beta", BETAS, ids=str)
def test_a_saved_linear_leaky_gives_the_peers_numbers(beta: Any, output: bool, bias: bool) -> None:
    options = {"learn_beta": True, "output": output, "bias": bias}
    peer_net = peer.LinearLeaky(_beta(beta), 7, 5, **options)
    net = ours.LinearLeaky(_beta(beta), 7, 5, **options)
    load(peer_net, net)
    compare_numbers(net, peer_net, 2 * spread(-1, 1.5, T, B, 7), output)


def compare_numbers(neuron: nn.Module, expected: nn.Module, xs: Tensor, output: bool) -> None:
    """Outputs, and the gradients of the parameters that both packages learn under the same name."""
    result = []
    for module in (neuron, expected):
        leaf = xs.clone().requires_grad_()
        outputs = module(leaf)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        result.append((outputs, gradients(module, outputs, {"input": leaf})))
    (left, left_grads), (right, right_grads) = result
    assert len(left) == len(right) == 1 + output
    assert float((right[-1] - 1).detach().abs().min()) > MARGIN
    for index, (mine_out, theirs_out) in enumerate(zip(left, right, strict=True)):
        assert_close(mine_out, theirs_out, 1e-5, f"output {index}")
    for name in left_grads.keys() & right_grads.keys() - {"beta", "tau"}:  # the peer's beta takes no part
        scale = float(right_grads[name].abs().max())
        assert_close(left_grads[name], right_grads[name], 1e-5 * scale, f"gradient of {name}")
    if "tau" in right_grads:  # ours learns beta = exp(-1 / tau): dL/dtau = dL/dbeta * beta / tau**2
        chained = right_grads["tau"]
        if "tau" in left_grads:
            learned = left_grads["tau"]
        else:
            tau = expected.tau.detach()
            learned = left_grads["beta"] * torch.exp(-1 / tau) / tau.square()
        assert_close(learned, chained, 1e-5 * float(chained.abs().max()), "gradient of tau")


def test_saving_writes_the_tau_of_the_beta_in_force() -> None:
    peer_net = peer.StateLeaky(torch.tensor(0.8), channels=5)
    net = ours.StateLeaky(0.5, channels=5)
    load(peer_net, net)
    # the peer stores tau = 1 / (1 - 0.8) = 5 and decays by exp(-1/5) = 0.818731
    saved = net.state_dict()
    assert saved.keys() == peer_net.state_dict().keys()
    assert float(saved["tau"]) == pytest.approx(5.0, rel=1e-5)
    assert float(net.beta) == pytest.approx(math.exp(-1 / 5), rel=1e-6)


@pytest.mark.parametrize("read_out", [True, False], ids=["read-out", "state"])
@pytest.mark.parametrize(("d_value", "d_key"), [(3, 3), (3, 5), (1, 2)])
def test_associative_leaky_is_the_peers_while_its_prefix_product_is_exact(
    d_value: int, d_key: int, read_out: bool
) -> None:
    arguments = (7, d_value, d_key, d_value * d_key, read_out)
    peer_net, net = (package.AssociativeLeaky(*arguments) for package in (peer, ours))
    with torch.no_grad():
        peer_net.to_v.weight.mul_(4)  # else nothing reaches the threshold
    load(peer_net, net)
    xs = spread(-2, 2, 5, B, 7)
    assert float(peer_net(xs).detach().abs().max()) > 0
    assert_same(net, peer_net, xs)


def test_associative_leaky_from_its_number_of_neurons_is_the_peers() -> None:
    peer_net, net = (package.AssociativeLeaky.from_num_spiking_neurons(7, 9) for package in (peer, ours))
    load(peer_net, net)
    assert_same(net, peer_net, spread(-2, 2, 5, B, 7))


@pytest.mark.parametrize("window", [None, 4])
def test_one_channel_stands_for_any_number_as_the_peers(window: int | None) -> None:
    xs = spread(-0.5, 1.5, 9, 2, 1000)
    result, expected = (
        package.StateLeaky(beta=0.8, channels=1, kernel_truncation_steps=window) for package in (ours, peer)
    )
    result.load_state_dict(expected.state_dict(), strict=True)
    (spk, mem), (right_spk, right_mem) = result(xs), expected(xs)
    assert_close(mem, right_mem, 1e-5, "membrane")
    clear = (right_mem - 1).abs() > MARGIN
    assert torch.equal(spk[clear], right_spk[clear])
