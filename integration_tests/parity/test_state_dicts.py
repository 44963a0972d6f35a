"""A state_dict saved by the peer loads, strictly, and the loaded net gives the peer's numbers."""

from __future__ import annotations

from typing import Any

import pytest
import snntorch as peer
import snntorch.utils
import torch
from torch import Tensor, nn

import snn_core as ours

from .cases import KINDS, Kind, spread
from .comparison import Draw, outcome
from .exclusions import SHARED

LEARNED = {kind: next(case for case in SHARED if case.kind is kind) for kind in KINDS}


def trained(neuron: nn.Module) -> nn.Module:
    """Every parameter moved off its first value, as training would."""
    with torch.no_grad():
        for parameter in neuron.parameters():
            parameter.mul_(0.9)
    return neuron


def run(kind: Kind, neuron: nn.Module) -> tuple[Tensor, ...]:
    xs = kind.drive * (1.3 * spread(0, 1, 7, *kind.shape) - 0.3)
    result = outcome(kind, neuron, Draw(xs, ()), grad=False)
    return result.spk, *result.states


@pytest.mark.parametrize("learn", [True, False], ids=["learned", "constant"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_state_dict_of_the_peer_loads_strictly_and_gives_its_numbers(kind: Kind, learn: bool) -> None:
    options = {} if learn else dict.fromkeys(kind.learn, False)
    peer_net = trained(LEARNED[kind].build(peer, **options))
    net = LEARNED[kind].build(ours, **options)
    for buffer in dict(peer_net.named_buffers()):
        assert buffer not in dict(net.named_parameters()), f"{buffer} is not a parameter of the peer's"
    missing, unexpected = net.load_state_dict(peer_net.state_dict(), strict=True)
    assert not missing
    assert not unexpected
    for left, right in zip(run(kind, net), run(kind, peer_net), strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_parameters_are_the_peers_by_name_and_shape(kind: Kind) -> None:
    net, peer_net = (LEARNED[kind].build(package) for package in (ours, peer))
    left, right = (
        {"V" if name == "recurrent.V" else name: p.shape for name, p in neuron.named_parameters() if p.requires_grad}
        for neuron in (net, peer_net)
    )
    assert left == right


@pytest.mark.parametrize("option", ["learn_beta", "learn_threshold", "learn_graded_spikes_factor"])
def test_each_learnable_constant_of_leaky_loads_alone(option: str) -> None:
    peer_net = trained(peer.Leaky(0.8, threshold=1.2, graded_spikes_factor=0.5, **{option: True}))
    net = ours.Leaky(0.3, **{option: True})
    net.load_state_dict(peer_net.state_dict(), strict=True)
    x = torch.linspace(-1, 3, 15).view(3, 5)
    for left, right in zip(net(x), peer_net(x), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize(("name", "first"), [("RLeaky", {"beta": 0.8}), ("RSynaptic", {"alpha": 0.7, "beta": 0.8})])
def test_the_peers_two_copies_of_the_recurrent_weight_load_into_one(name: str, first: dict[str, Any]) -> None:
    weight = spread(-0.5, 0.5, 5)
    saved = getattr(peer, name)(**first, V=weight.clone(), all_to_all=False).state_dict()
    assert {"V", "recurrent.V"} <= saved.keys()
    result = getattr(ours, name)(**first, V=torch.zeros(5), all_to_all=False)
    result.load_state_dict(saved, strict=True)
    weights = [p for key, p in result.named_parameters() if key.endswith("V")]
    assert len(weights) == 1
    assert torch.equal(weights[0], weight)


@pytest.mark.parametrize(("name", "first"), [("RLeaky", {"beta": 0.8}), ("RSynaptic", {"alpha": 0.7, "beta": 0.8})])
def test_two_copies_that_differ_are_an_error(name: str, first: dict[str, Any]) -> None:
    saved = dict(getattr(peer, name)(**first, V=spread(-0.5, 0.5, 5), all_to_all=False).state_dict())
    saved["recurrent.V"] = saved["V"] + 0.25
    result = getattr(ours, name)(**first, V=torch.zeros(5), all_to_all=False)
    with pytest.raises(ValueError, match=r"recurrent\.V"):
        result.load_state_dict(saved, strict=True)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_the_reset_mechanism_comes_with_a_state_dict(reset: str) -> None:
    peer_net = peer.Leaky(0.8, reset_mechanism=reset)
    net = ours.Leaky(0.8)
    net.load_state_dict(peer_net.state_dict())
    assert net.reset_mechanism == reset
    left = right = torch.zeros(3, 5)
    for x in torch.full((4, 3, 5), 0.7):
        spk, left = net(x, left)
        spk_right, right = peer_net(x, right)
        assert torch.equal(spk, spk_right)
        assert torch.equal(left, right)


def test_a_whole_net_of_the_peer_loads_after_it_has_run() -> None:
    def build(package: Any) -> nn.Sequential:
        return nn.Sequential(
            nn.Linear(7, 5),
            package.Leaky(beta=0.8, learn_beta=True, init_hidden=True),
            nn.Linear(5, 3),
            package.RLeaky(beta=0.9, linear_features=3, init_hidden=True),
            package.Synaptic(alpha=0.6, beta=0.9, init_hidden=True, output=True),
        )

    peer_net, net = build(peer), build(ours)
    xs = 3 * spread(-1, 1, 9, 4, 7)
    for x in xs[:2]:
        peer_net(x)  # so that states exist when the net is saved
    net.load_state_dict(peer_net.state_dict(), strict=True)
    peer.utils.reset(peer_net)
    for x in xs:
        for left, right in zip(net(x), peer_net(x), strict=True):
            torch.testing.assert_close(left, right, rtol=0, atol=1e-5)


def test_the_decay_of_r_and_c_has_the_peers_shape_and_loads_both_ways() -> None:
    arguments = {"R": 4.0, "C": 1.5, "time_step": 0.5}
    net, peer_net = (package.Lapicque(**arguments) for package in (ours, peer))
    assert net.beta.shape == peer_net.beta.shape == (1,)
    torch.testing.assert_close(net.beta, peer_net.beta)
    peer_net.load_state_dict(net.state_dict(), strict=True)
    net.load_state_dict(peer_net.state_dict(), strict=True)
