"""Epochs over padded data: what the padding holds reaches neither losses, gradients, buffers nor states."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import snn_core as snn
import snn_functional as SF
from snn_core.utils import reset
from snn_functional.backprop import BPTT, RTRL, TBPTT
from snn_functional.online import EPropLayer, RTRLLayer

INPUTS, CLASSES = 5, 3
PADDING = (math.nan, math.inf, -math.inf, 1e30, -7.5)


def leaky(**options):
    return snn.Leaky(0.8, spike_grad=snn.surrogate.fast_sigmoid(slope=5), init_hidden=True, **options)


def recurrent(features, **options):
    spike_grad = snn.surrogate.fast_sigmoid(slope=5)
    return snn.RSynaptic(0.6, 0.8, linear_features=features, spike_grad=spike_grad, init_hidden=True, **options)


class OwnForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(INPUTS, CLASSES), leaky(output=True)

    def forward(self, x):
        return self.lif(self.fc(x) if x.sum() > -1e9 else self.fc(-x))  # which cannot be traced


NETS = {
    "one layer": lambda: nn.Sequential(nn.Linear(INPUTS, CLASSES), leaky(output=True, learn_beta=True)),
    "two layers": lambda: nn.Sequential(
        nn.Linear(INPUTS, 6), recurrent(6), nn.Linear(6, CLASSES), snn.Lapicque(0.7, init_hidden=True, output=True)
    ),
    "batch statistics": lambda: nn.Sequential(
        nn.Linear(INPUTS, 6), nn.BatchNorm1d(6, momentum=0.3), leaky(), nn.Linear(6, CLASSES), leaky(output=True)
    ),
    "statistics of each step": lambda: nn.Sequential(
        nn.Linear(INPUTS, 6), snn.BatchNormTT1d(6, 9), leaky(), nn.Linear(6, CLASSES), leaky(output=True)
    ),
    "a forward that runs step by step": OwnForward,
    "online": lambda: nn.Sequential(
        RTRLLayer(nn.Linear(INPUTS, 6), leaky(learn_beta=True), output_decay=0.5), nn.Linear(6, CLASSES)
    ),
    "e-prop": lambda: nn.Sequential(EPropLayer(nn.Linear(INPUTS, 6), recurrent(6)), nn.Linear(6, CLASSES)),
}
OF_THE_BATCH = ("batch statistics", "statistics of each step")
ONLINE = ("online", "e-prop")  # exact where an update comes after each step


def build_net(name):
    torch.manual_seed(0)
    return NETS[name]().double()


def criterion_of(name):
    return SF.ce_rate_loss() if name in ONLINE else SF.mse_membrane_loss()


def padded_batch(seed, lengths, steps):
    """Data without any padding, and labels."""
    generator = torch.Generator().manual_seed(seed)
    xs = 4 * torch.rand(steps, len(lengths), INPUTS, dtype=torch.float64, generator=generator) - 1
    return xs, torch.randint(CLASSES, (len(lengths),), generator=generator)


def padded(xs, lengths, padding):
    after = (torch.arange(len(xs)).unsqueeze(1) >= lengths).unsqueeze(-1)
    return torch.where(after, padding, xs)


def trained(train, name, batch, **options):
    """The loss of an epoch, and all that it leaves in a net: parameters, buffers, gradients and states."""
    net = build_net(name)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = train(net, [batch], optimizer, criterion_of(name), **options)
    states = [s for m in net.modules() if isinstance(m, snn.SpikingNeuron) and m._kept is not None for s in m._kept]
    return loss, [*net.state_dict().values()], [p.grad for p in net.parameters()], states


@pytest.mark.parametrize("name", NETS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_the_values_of_the_padding_change_nothing(name, data):
    steps = data.draw(st.integers(1, 9))
    lengths = torch.tensor(data.draw(st.lists(st.integers(1, steps), min_size=2, max_size=5)))
    if name in OF_THE_BATCH:
        lengths[:2] = steps  # statistics take two samples
    K = data.draw(st.integers(1, steps))
    train, options = (TBPTT, {"K": K}) if data.draw(st.booleans()) else (BPTT, {})
    xs, targets = padded_batch(data.draw(st.integers(0, 2**31)), lengths, steps)
    nonsense = torch.tensor(PADDING, dtype=torch.float64).repeat(xs.numel())[: xs.numel()].reshape(xs.shape)
    with_nonsense, with_zeros = (
        trained(train, name, (padded(xs, lengths, padding), targets, lengths), **options)
        for padding in (nonsense, torch.zeros(()).double())
    )
    torch.testing.assert_close(with_nonsense, with_zeros, rtol=0, atol=0)


@pytest.mark.parametrize("targets_are", ["labels", "membranes"])
@pytest.mark.parametrize("train", [BPTT, TBPTT, RTRL])
def test_the_targets_of_the_padding_change_nothing(train, targets_are):
    lengths = torch.tensor([3, 7, 1, 5])
    xs, _ = padded_batch(4, lengths, 7)
    after = torch.arange(7).unsqueeze(1) >= lengths
    if targets_are == "labels":
        targets = torch.arange(28).reshape(7, 4) % CLASSES
        others = targets.masked_fill(after, -1)
    else:
        targets = torch.rand(7, 4, CLASSES, dtype=torch.float64)
        others = targets.masked_fill(after.unsqueeze(-1), math.nan)
    options, results = {"K": 3} if train is TBPTT else {}, []
    for values in (targets, others):
        net = build_net("one layer")
        criterion = SF.mse_membrane_loss(time_var_targets=True)
        loss = train(net, [(xs, values, lengths)], torch.optim.SGD(net.parameters(), lr=0.1), criterion, **options)
        results.append([loss, *net.state_dict().values()])
    torch.testing.assert_close(*results, rtol=0, atol=0)


@pytest.mark.parametrize("learns", ["weights alone", "constants too"])
def test_rtrl_is_that_of_each_sample_alone_whatever_the_padding_holds(learns):
    lengths = torch.tensor([3, 7, 1, 5])
    xs, targets = padded_batch(4, lengths, 7)
    net = nn.Sequential(nn.Linear(INPUTS, CLASSES), leaky(output=True, learn_beta=learns == "constants too")).double()
    criterion = SF.mse_membrane_loss(reduction="sum")

    def gradients(batch):
        """Summed over the steps, the net staying what it is."""
        twin = copy.deepcopy(net)
        total = [torch.zeros_like(p) for p in twin.parameters()]

        class Adding(torch.optim.SGD):
            def step(self):
                for sum_, p in zip(total, twin.parameters(), strict=True):
                    sum_ += p.grad

        RTRL(twin, [batch], Adding(twin.parameters(), lr=0.0), criterion)
        return total

    result = gradients((padded(xs, lengths, torch.tensor(math.nan).double()), targets, lengths))
    alone = [gradients((xs[:n, b : b + 1], targets[b : b + 1])) for b, n in enumerate(lengths.tolist())]
    for index, gradient in enumerate(result):
        torch.testing.assert_close(gradient, sum(each[index] for each in alone), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in NETS if name not in OF_THE_BATCH])
def test_a_padded_epoch_teaches_the_mean_of_its_samples(name):
    lengths = torch.tensor([4, 9, 1, 6])
    xs, targets = padded_batch(5, lengths, 9)
    result = trained(BPTT, name, (padded(xs, lengths, torch.tensor(math.nan).double()), targets, lengths))
    alone = [trained(BPTT, name, (xs[:n, b : b + 1], targets[b : b + 1])) for b, n in enumerate(lengths.tolist())]
    torch.testing.assert_close(result[0], torch.stack([each[0] for each in alone]).mean())
    for index, gradient in enumerate(result[2]):
        torch.testing.assert_close(gradient, torch.stack([each[2][index] for each in alone]).mean(0))


@pytest.mark.parametrize("name", OF_THE_BATCH)
def test_statistics_of_the_batch_are_those_of_the_samples_that_run(name):
    lengths = torch.tensor([9, 9, 3, 5])
    xs, targets = padded_batch(6, lengths, 9)
    loss, state, gradients, _ = trained(BPTT, name, (padded(xs, lengths, 100.0), targets, lengths))
    net = build_net(name).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    order = torch.tensor([0, 1, 3, 2])  # by falling length
    members = [int((lengths > t).sum()) for t in range(9)]
    reset(net)
    total = torch.zeros(len(lengths), CLASSES, dtype=torch.float64)
    states = {}
    for t, count in enumerate(members):
        for m in (m for m in net if isinstance(m, snn.Leaky)):
            if t:
                m.mem = states[m][:count]
        _, mem = net(xs[t, order[:count]])
        states = {m: m.mem for m in net if isinstance(m, snn.Leaky)}
        target = nn.functional.one_hot(targets[order[:count]], CLASSES)
        total = total + nn.functional.pad((mem - target).square(), (0, 0, 0, len(lengths) - count))
    expected = (total / lengths[order].unsqueeze(1)).mean()
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(gradients, [p.grad for p in net.parameters()])
    optimizer.step()
    torch.testing.assert_close(state, [*net.state_dict().values()])
