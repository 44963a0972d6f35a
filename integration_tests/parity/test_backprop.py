"""snn_functional.backprop beside the peer's: losses and weights after an epoch, and where the peer's does not run."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import snntorch as peer
import snntorch.functional
import torch
from torch import Tensor, nn

import snn_core as ours
import snn_functional as functional

from .cases import spread

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the peer's module announces its end whenever it is imported
    from snntorch import backprop as peers

B, C = 5, 4
Batches = list[tuple[Tensor, Tensor]]
CRITERIA = ["ce_rate_loss", "ce_count_loss", "mse_count_loss", "ce_max_membrane_loss", "mse_membrane_loss"]
every_criterion = pytest.mark.parametrize("criterion", CRITERIA)


def build(package: Any) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(3, 6),
        package.Leaky(beta=0.8, init_hidden=True),
        nn.Linear(6, C),
        package.Leaky(beta=0.9, init_hidden=True, output=True),
    )


def still(number: int = 3) -> Batches:
    """Data without time."""
    return [(4 * spread(0.0, 1.0 - index / 10, B, 3), (torch.arange(B) + index) % C) for index in range(number)]


def moving(steps: int, number: int = 3) -> Batches:
    """Data with time, time first."""
    return [(4 * spread(0.0, 1.0 - i / 10, steps, B, 3), (torch.arange(B) + i) % C) for i in range(number)]


def trained(
    package: Any,
    train: Callable[..., Tensor],
    losses: Any,
    criterion: str,
    data: Batches,
    penalty: float = 0,
    **options: Any,
) -> tuple[list[float], list[Tensor]]:
    """The losses of two epochs and the weights after them."""
    net = build(package)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    if penalty:
        options["regularization"] = losses.l1_rate_sparsity(penalty)
    curve = [float(train(net, data, optimizer, getattr(losses, criterion)(), **options).detach()) for _ in range(2)]
    return curve, [parameter.detach() for parameter in net.parameters()]


def assert_same(result: tuple[list[float], list[Tensor]], expected: tuple[list[float], list[Tensor]]) -> None:
    assert result[0] == pytest.approx(expected[0], rel=1e-5)
    assert_same_weights(result, expected)


def assert_same_weights(result: tuple[list[float], list[Tensor]], expected: tuple[list[float], list[Tensor]]) -> None:
    fresh = [parameter.detach() for parameter in build(ours).parameters()]
    assert not torch.allclose(expected[1][0], fresh[0], atol=1e-3)
    for a, b in zip(result[1], expected[1], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["BPTT", "TBPTT", "RTRL"])
def test_a_function_takes_the_peers_arguments_and_may_show_a_bar(name: str) -> None:
    parameters, peer_parameters = (inspect.signature(getattr(module, name)) for module in (functional.backprop, peers))
    expected = [(p.name, p.default) for p in peer_parameters.parameters.values()]
    assert [(p.name, p.default) for p in parameters.parameters.values()] == [*expected, ("progress", False)]


@every_criterion
@pytest.mark.parametrize("time_first", [True, False])
@pytest.mark.parametrize("steps", [1, 8])
def test_training_through_time_is_the_peers(criterion: str, time_first: bool, steps: int) -> None:
    data = [(d if time_first else d.transpose(0, 1), y) for d, y in moving(steps)]
    assert_same(
        trained(ours, functional.backprop.BPTT, functional, criterion, data, time_first=time_first),
        trained(peer, peers.BPTT, peer.functional, criterion, data, time_first=time_first),
    )


@every_criterion
@pytest.mark.parametrize("penalty", [0, 0.01])
def test_training_on_data_without_time_is_the_peers(criterion: str, penalty: float) -> None:
    options = {"num_steps": 8, "time_var": False, "penalty": penalty}
    assert_same(
        trained(ours, functional.backprop.BPTT, functional, criterion, still(), **options),
        trained(peer, peers.BPTT, peer.functional, criterion, still(), **options),
    )


@every_criterion
@pytest.mark.parametrize("K", [1, 2, 4, 8])
def test_truncated_training_is_the_peers_where_stretches_are_equal(criterion: str, K: int) -> None:
    options = {"num_steps": 8, "time_var": False, "K": K}
    assert_same(
        trained(ours, functional.backprop.TBPTT, functional, criterion, still(), **options),
        trained(peer, peers.TBPTT, peer.functional, criterion, still(), **options),
    )


@every_criterion
def test_a_shorter_last_stretch_trains_as_the_peers_and_counts_by_its_steps(criterion: str) -> None:
    options = {"num_steps": 7, "time_var": False, "K": 3}
    net = trained(ours, functional.backprop.TBPTT, functional, criterion, still(), **options)
    peer_net = trained(peer, peers.TBPTT, peer.functional, criterion, still(), **options)
    assert_same_weights(net, peer_net)
    # the peer divides the last loss by the number of its steps and not by the share that they are
    assert peer_net[0][0] > 1.2 * net[0][0]


@every_criterion
def test_the_peers_rtrl_is_truncated_training_after_every_step(criterion: str) -> None:
    options = {"num_steps": 6, "time_var": False}
    assert_same(
        trained(ours, functional.backprop.TBPTT, functional, criterion, still(), K=1, **options),
        trained(peer, peers.RTRL, peer.functional, criterion, still(), **options),
    )


@pytest.mark.parametrize("name", ["TBPTT", "RTRL"])
def test_the_peer_does_not_cut_data_with_time_and_we_do(name: str) -> None:
    options = {"K": 2} if name == "TBPTT" else {}
    with pytest.raises(UnboundLocalError, match="K_flag"):
        trained(peer, getattr(peers, name), peer.functional, "ce_rate_loss", moving(8), **options)
    curve, _ = trained(ours, functional.backprop.TBPTT, functional, "ce_rate_loss", moving(8), K=2)
    assert curve[1] < curve[0]


@pytest.mark.parametrize("second", ["Synaptic", "Lapicque"])
def test_the_peer_does_not_cut_nets_of_two_kinds_of_neuron_and_we_do(second: str) -> None:
    def mixed(package: Any) -> nn.Sequential:
        net = build(package)
        arguments = {"alpha": 0.8, "beta": 0.8} if second == "Synaptic" else {"beta": 0.8}
        net[1] = getattr(package, second)(init_hidden=True, **arguments)
        return net

    def train(package: Any, module: Any, losses: Any) -> Tensor:
        net = mixed(package)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        return module.TBPTT(net, still(), optimizer, losses.ce_rate_loss(), num_steps=8, time_var=False, K=2)

    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        train(peer, peers, peer.functional)
    assert train(ours, functional.backprop, functional).isfinite()


def test_the_peer_does_not_train_nets_that_return_spikes_alone_and_we_do() -> None:
    def train(package: Any, module: Any, losses: Any) -> Tensor:
        net = build(package)
        net[3].output = False
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        return module.BPTT(net, moving(8), optimizer, losses.ce_rate_loss())

    with pytest.raises(ValueError, match="too many values to unpack"):
        train(peer, peers, peer.functional)
    assert train(ours, functional.backprop, functional).isfinite()


def test_the_peers_loss_holds_the_graphs_of_the_epoch_and_ours_none() -> None:
    options = {"num_steps": 8, "time_var": False}
    for package, module, losses, held in (
        (peer, peers, peer.functional, True),
        (ours, functional.backprop, functional, False),
    ):
        net = build(package)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        assert module.BPTT(net, still(), optimizer, losses.ce_rate_loss(), **options).requires_grad == held
