"""Epochs over samples that differ in length: padded data teaches what the samples alone do."""

import copy

import pytest
import torch
from torch import nn

import snn_core as snn
import snn_functional as SF
from snn_functional.backprop import BPTT, RTRL, TBPTT

T, B, C = 9, 4, 3
LENGTHS, TARGETS = torch.tensor([9, 1, 4, 6]), torch.tensor([2, 0, 1, 1])
CRITERIA = {
    "ce_rate_loss": SF.ce_rate_loss,
    "ce_count_loss": SF.ce_count_loss,
    "mse_count_loss": SF.mse_count_loss,
    "mse_membrane_loss": SF.mse_membrane_loss,
    "ce_temporal_loss": SF.ce_temporal_loss,
}


def build():
    torch.manual_seed(0)
    surrogate = snn.surrogate.fast_sigmoid(slope=5)
    neuron = snn.Leaky(0.8, spike_grad=surrogate, init_hidden=True, output=True)
    return nn.Sequential(nn.Linear(5, C), neuron).double()


def padded_input(padding):
    xs = 4 * torch.rand(T, B, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 1
    padded = torch.arange(T).unsqueeze(1) >= LENGTHS
    return xs.masked_fill(padded.unsqueeze(-1), padding)


def trained(train, loader, criterion, net=None, **options):
    """The loss of an epoch, and how far it moved the parameters."""
    net = net or build()
    before = [p.detach().clone() for p in net.parameters()]
    loss = train(net, loader, torch.optim.SGD(net.parameters(), lr=1.0), criterion, **options)
    return loss, [p.detach() - b for p, b in zip(net.parameters(), before, strict=True)]


def assert_close(result, expected):
    torch.testing.assert_close(result, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("padding", [0.0, 7.5])
def test_a_padded_batch_teaches_the_mean_of_its_samples(name, padding):
    xs, criterion = padded_input(padding), CRITERIA[name]()
    result = trained(BPTT, [(xs, TARGETS, LENGTHS)], criterion)
    alone = [
        trained(BPTT, [(xs[:n, b : b + 1], TARGETS[b : b + 1])], criterion) for b, n in enumerate(LENGTHS.tolist())
    ]
    assert_close(result[0], torch.stack([loss for loss, _ in alone]).mean())
    for index, moved in enumerate(result[1]):
        assert_close(moved, torch.stack([parameters[index] for _, parameters in alone]).mean(0))


@pytest.mark.parametrize("train", [BPTT, TBPTT, RTRL])
@pytest.mark.parametrize("length", [1, 4, 9])
def test_a_padded_sample_is_the_sample(train, length):
    options = {"K": 3} if train is TBPTT else {}
    xs, regularization = padded_input(0.0)[:, :1], SF.l1_rate_sparsity(0.01)
    padded, short = (
        trained(train, [batch], SF.ce_rate_loss(), regularization=regularization, **options)
        for batch in ((xs, TARGETS[:1], torch.tensor([length])), (xs[:length], TARGETS[:1]))
    )
    assert_close(padded, short)


@pytest.mark.parametrize("train", [BPTT, TBPTT, RTRL])
def test_lengths_that_are_all_steps_change_nothing(train):
    xs, options = padded_input(0.0), {"K": 4} if train is TBPTT else {}
    every = torch.full((B,), T)
    with_lengths, without = (
        trained(train, [batch], SF.mse_membrane_loss(), **options) for batch in ((xs, TARGETS, every), (xs, TARGETS))
    )
    assert_close(with_lengths, without)


@pytest.mark.parametrize("train", [BPTT, TBPTT])
def test_time_may_come_second(train):
    xs, options = padded_input(0.0), {"K": 4} if train is TBPTT else {}
    first = trained(train, [(xs, TARGETS, LENGTHS)], SF.ce_count_loss(), **options)
    second = trained(train, [(xs.transpose(0, 1), TARGETS, LENGTHS)], SF.ce_count_loss(), time_first=False, **options)
    assert_close(second, first)


def test_targets_of_every_step_end_with_their_samples():
    xs = padded_input(0.0)
    labels = torch.randint(C, (T, B), generator=torch.Generator().manual_seed(2))
    others = torch.where(torch.arange(T).unsqueeze(1) < LENGTHS, labels, 0)
    criterion = SF.mse_membrane_loss(time_var_targets=True)
    result, expected = (trained(TBPTT, [(xs, targets, LENGTHS)], criterion, K=2) for targets in (labels, others))
    assert_close(result, expected)


def test_updates_follow_the_samples_that_are_under_way():
    # Two stretches of two steps; the second sample is over in the second stretch.
    xs, lengths, criterion = padded_input(0.0)[:4, :2], torch.tensor([4, 2]), SF.ce_rate_loss()
    net = build()
    by_hand = copy.deepcopy(net)
    loss, _ = trained(TBPTT, [(xs, TARGETS[:2], lengths)], criterion, net, K=2)
    optimizer, losses = torch.optim.SGD(by_hand.parameters(), lr=1.0), []
    for part, samples in ((slice(0, 2), slice(0, 2)), (slice(2, 4), slice(0, 1))):
        spk = torch.stack([by_hand(x)[0] for x in xs[part]])
        losses.append(criterion(spk[:, samples], TARGETS[samples]))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
        snn.utils.detach(by_hand)
    assert_close([*net.parameters()], [*by_hand.parameters()])
    assert_close(loss, (4 * losses[0] + 2 * losses[1]).detach() / 6)
