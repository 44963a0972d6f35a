"""Neurons over a whole sequence: where the peer is wrong, and the number that is right."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import snntorch as peer
import torch
from torch import nn

import snn_core as ours

from .cases import spread
from .comparison import MARGIN

IMPULSE = torch.zeros(4, 1, 1)
IMPULSE[0] = 1.0


def columns(package: Any, beta: Any, **options: Any) -> list[nn.Module]:
    linear = package.LinearLeaky(beta, 1, 1, bias=False, **options)
    nn.init.ones_(linear.linear.weight)
    return [package.StateLeaky(beta, channels=1, **options), linear]


def test_a_membrane_over_a_sequence_decays_by_its_beta() -> None:
    # an impulse decays as 1, beta, beta^2, beta^3; the peer decays by exp(-(1 - beta)) = exp(-0.5) a step
    for package, decay in ((ours, 0.5), (peer, math.exp(-0.5))):
        for neuron in columns(package, torch.tensor(0.5), output=False):
            mem = neuron(IMPULSE).detach().flatten()
            assert mem.tolist() == pytest.approx([1, decay, decay**2, decay**3], rel=1e-5)


def test_a_sequence_neuron_grades_its_spikes_once() -> None:
    for package, height in ((ours, 0.5), (peer, 0.25)):
        for neuron in columns(package, torch.tensor(0.5), graded_spikes_factor=0.5, threshold=0.9):
            spk, _ = neuron(IMPULSE)
            assert spk.detach().flatten().tolist() == pytest.approx([height, 0, 0, 0])


def test_a_sequence_neuron_goes_on_from_an_initial_state() -> None:
    for neuron in columns(ours, 0.5):
        # U1 = 0.5 * 4 + 1 = 3, then 1.5, 0.75, 0.375
        _, mem = neuron(IMPULSE, torch.full((1, 1), 4.0))
        assert mem.detach().flatten().tolist() == pytest.approx([3, 1.5, 0.75, 0.375])
        _, last = neuron.unroll(IMPULSE, (torch.full((1, 1), 4.0),))
        assert float(last.mem.detach()) == pytest.approx(0.375)
    for neuron in columns(peer, torch.tensor(0.5)):
        with pytest.raises(TypeError):
            neuron(IMPULSE, torch.full((1, 1), 4.0))


def test_an_associative_neuron_equals_its_recurrence_after_many_steps() -> None:
    T, B, d = 64, 2, 3
    peer_net, net = (package.AssociativeLeaky(5, d, d, d * d, False) for package in (peer, ours))
    net.load_state_dict(peer_net.state_dict(), strict=True)
    xs = spread(-1.7, 1.7, T, B, 5)
    memory, memories = torch.zeros(B, d, d), []
    with torch.no_grad():
        for x in xs:
            a = torch.sigmoid(peer_net.to_alpha(x))
            memory = memory * a.unsqueeze(1) + peer_net.to_v(x).unsqueeze(2) * peer_net.to_k(x).unsqueeze(1)
            memories.append(memory.flatten(1))
        _, trace = net.unroll(xs, trace=True)
        peer_net.output = False  # its membrane
        peers = peer_net(xs)
    right = torch.stack(memories)
    torch.testing.assert_close(trace.mem, right, rtol=1e-4, atol=1e-5)
    assert float((peers - right)[:5].abs().max()) < 1e-3
    assert float((peers - right)[-1].abs().max()) > 0.1
    assert float((right - 1).abs().min()) > MARGIN
    assert torch.equal(net(xs), (right > 1).float())


def test_a_vector_of_betas_lies_on_the_diagonal_of_the_recurrent_weights() -> None:
    beta = torch.tensor([0.25, 0.5, 0.75])
    weight = ours.LeakyParallel(7, 3, beta=beta).rnn.weight_hh_l0
    assert torch.equal(weight.detach(), torch.diag(beta))
    # the peer leaves its random initial values there
    assert not torch.equal(peer.LeakyParallel(7, 3, beta=beta).rnn.weight_hh_l0.detach().diagonal(), beta)


def test_a_dropout_between_layers_that_do_not_exist_is_an_error() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="dropout option adds dropout", category=UserWarning)
        peer_net = peer.LeakyParallel(7, 3, beta=0.5, dropout=0.9)
    xs = torch.ones(4, 2, 7)
    assert torch.equal(peer_net.rnn(xs)[0], peer_net.rnn(xs)[0])  # in training, and nothing is dropped
    with pytest.raises(ValueError, match="dropout"):
        ours.LeakyParallel(7, 3, beta=0.5, dropout=0.9)


@pytest.mark.parametrize(
    "options",
    [{"learn_threshold": True}, {"graded_spikes_factor": 0.5}, {"learn_graded_spikes_factor": True}],
    ids=str,
)
def test_options_about_spikes_warn_where_there_are_none(options: dict[str, Any]) -> None:
    for package in (ours, peer):
        for build in (package.StateLeaky, package.LinearLeaky):
            arguments = (0.5, 5) if build is package.StateLeaky else (0.5, 5, 5)
            with pytest.warns(UserWarning, match="output=False"):
                build(*arguments, output=False, **options)
            build(*arguments, output=True, **options)
            build(*arguments, output=False)
