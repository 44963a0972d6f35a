"""States that neurons keep: what the peer does with them, and what a net of ours does."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import snntorch as peer
import snntorch.utils
import torch
from torch import Tensor, nn

import snn_core as ours

from .cases import spread

X = torch.full((3, 5), 0.75)


def integrator(package: Any, **options: Any) -> nn.Module:
    return package.Leaky(1.0, init_hidden=True, reset_mechanism="none", **options)


def test_a_state_that_is_not_passed_starts_at_rest() -> None:
    # beta = 1, no reset: a second call without a state gives 0.75 again; the peer goes on to 1.5
    for package, expected in ((ours, 0.75), (peer, 1.5)):
        neuron = package.Leaky(1.0, reset_mechanism="none")
        neuron(X)
        if package is ours:
            with pytest.warns(UserWarning, match=r"Leaky has init_hidden=False.*reset_mem\(\)"):
                _, mem = neuron(X)
        else:
            _, mem = neuron(X)
        assert torch.equal(mem, torch.full((3, 5), expected))


def test_a_reset_leaves_other_nets_alone() -> None:
    for package, expected in ((ours, 1.5), (peer, 0.75)):
        net, other = nn.Sequential(integrator(package)), nn.Sequential(integrator(package))
        net(X)
        other(X)
        package.utils.reset(net)
        other(X)
        assert torch.equal(other[0].mem, torch.full((3, 5), expected))


def test_a_reset_reaches_nested_neurons() -> None:
    for package, expected in ((ours, 0.75), (peer, 1.5)):
        net = nn.Sequential(nn.Sequential(nn.Identity(), integrator(package)))
        net(X)
        package.utils.reset(net)
        net(X)
        assert torch.equal(net[0][1].mem, torch.full((3, 5), expected))


def test_a_reset_reaches_copies() -> None:
    for package, expected in ((ours, 0.75), (peer, 1.5)):
        net = copy.deepcopy(nn.Sequential(integrator(package)))
        net(X)
        package.utils.reset(net)
        net(X)
        assert torch.equal(net[0].mem, torch.full((3, 5), expected))


def test_a_reset_reaches_the_neuron_itself() -> None:
    for package, expected in ((ours, 0.75), (peer, 1.5)):
        neuron = integrator(package)
        neuron(X)
        package.utils.reset(neuron)
        neuron(X)
        assert torch.equal(neuron.mem, torch.full((3, 5), expected))


def test_a_reset_works_while_a_delta_neuron_exists() -> None:
    for package in (ours, peer):
        net, elsewhere = nn.Sequential(integrator(package)), package.DeltaLeaky(1.0, 0.5)
        net(X)
        if package is peer:
            with pytest.raises(AttributeError):
                package.utils.reset(net)
        else:
            package.utils.reset(net)
        assert elsewhere.mem is None or elsewhere.mem.shape == (0,)


def test_a_batch_of_another_size_is_an_error_and_no_silent_restart() -> None:
    net, peer_net = integrator(ours), integrator(peer)
    net(X)
    peer_net(X)
    peer_net(X[:2])
    assert torch.equal(peer_net.mem, X[:2])  # from rest again, silently
    with pytest.raises(ValueError, match=r"Leaky.*utils\.reset"):
        net(X[:2])


def test_a_state_of_another_shape_is_an_error_and_not_replaced_by_zeros() -> None:
    _, mem = peer.Leaky(1.0)(X, torch.ones(4, 5))
    assert torch.equal(mem, X)
    with pytest.raises(ValueError, match=r"Leaky.*\(4, 5\).*\(3, 5\)"):
        ours.Leaky(1.0)(X, torch.ones(4, 5))


def test_states_are_not_buffers() -> None:
    for package, result in ((ours, False), (peer, True)):
        neuron = integrator(package)
        neuron(X)
        assert ("mem" in dict(neuron.named_buffers())) == result


def test_a_net_that_has_run_can_be_copied_and_pickled() -> None:
    for package in (ours, peer):
        net = nn.Sequential(nn.Linear(5, 5), integrator(package))
        net(X)
        if package is peer:
            with pytest.raises(RuntimeError, match="deepcopy"):
                copy.deepcopy(net)
            with pytest.raises(AttributeError):
                pickle.dumps(net)
        else:
            for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
                assert torch.equal(copied[1].mem, net[1].mem)


def test_there_is_no_list_of_all_neurons() -> None:
    first = peer.Leaky(0.5)
    assert peer.SpikingNeuron.instances == [first]
    for name in ("instances", "init", "detach_hidden", "reset_hidden"):  # of the class
        assert hasattr(peer.Leaky, name)
        with pytest.raises(AttributeError, match=r"utils\.(reset|detach)"):
            getattr(ours.Leaky, name)


def test_a_dense_lstm_keeps_its_state_when_it_changes_the_number_of_features() -> None:
    net, peer_net = (package.SLSTM(7, 5, init_hidden=True, output=True) for package in (ours, peer))
    net.load_state_dict(peer_net.state_dict(), strict=True)
    cell = peer_net.lstm_cell
    xs = torch.linspace(-2, 2, 4 * 3 * 7).view(4, 3, 7)
    right = wiped = (torch.zeros(3, 5), torch.zeros(3, 5))
    for x in xs:
        right, wiped = cell(x, right), cell(x)
        for neuron, (mem, syn) in ((net, right), (peer_net, wiped)):
            _, found_syn, found_mem = neuron(x)
            torch.testing.assert_close(found_syn, syn)
            torch.testing.assert_close(found_mem, mem)
    assert not torch.allclose(right[0], wiped[0])


def test_a_delta_neuron_starts_at_rest_and_clamps_its_decay() -> None:
    with pytest.raises(TypeError):
        peer.DeltaLeaky(1.0, 0.5)(X)
    spk, (mem, mem_prev) = ours.DeltaLeaky(0.5, 0.5)(X)
    assert torch.equal(spk, torch.ones(3, 5))  # 0.75 - 0 exceeds 0.5
    assert torch.equal(mem, X)
    assert torch.equal(mem_prev, torch.zeros(3, 5))
    ones: tuple[Tensor, Tensor] = (torch.ones(3, 5), torch.zeros(3, 5))
    # beta = 2 counts as 1 in ours: 1 * 1 + 0.75; in the peer's 2 * 1 + 0.75
    for package, expected in ((ours, 1.75), (peer, 2.75)):
        _, (mem, _) = package.DeltaLeaky(0.5, 2.0, learn_beta=True)(X, ones)
        assert torch.equal(mem, torch.full((3, 5), expected))


def test_a_neurons_own_methods_of_the_hidden_state_reach_that_neuron() -> None:
    x = X.clone().requires_grad_()
    for package in (ours, peer):
        neuron = integrator(package)
        neuron(x)
        neuron.detach_hidden()
        assert not neuron.mem.requires_grad
        neuron(x)
        assert torch.equal(neuron.mem, 2 * X)
        neuron.reset_hidden()
        neuron(x)
        assert torch.equal(neuron.mem, X)


def test_the_reset_and_the_spikes_of_a_membrane_are_the_peers() -> None:
    mem = torch.linspace(0.5, 1.75, 15).view(3, 5).flip(1).requires_grad_()
    net, peer_net = (package.Leaky(0.9, spread(0.85, 1.15, 5)) for package in (ours, peer))
    assert torch.equal(net.mem_reset(mem), peer_net.mem_reset(mem))
    spikes = [neuron.fire_inhibition(3, mem) for neuron in (net, peer_net)]
    assert torch.equal(*spikes)
    torch.testing.assert_close(*(torch.autograd.grad(spk.sum(), mem)[0] for spk in spikes), rtol=1e-6, atol=0)
