"""Spike-timing-dependent plasticity beside the peer's: traces and changes of the weights, step by step and learned."""

from __future__ import annotations

import inspect

import pytest
import snntorch
import torch
from snntorch.functional import stdp_learner as peer_stdp
from torch import nn

import snn_core
from snn_functional import stdp_learner as ours

NAMES = [
    "stdp_linear_single_step",
    "mstdp_linear_single_step",
    "mstdpet_linear_single_step",
    "stdp_conv1d_single_step",
    "stdp_conv2d_single_step",
    "STDPLearner",
]
SCALES = (lambda w: 0.5 * (w + 1), lambda w: 1 - w)


def spikes(*shape):
    return (torch.rand(shape) < 0.4).float()


def assert_same(step, layer, ins, outs, *taus):
    result, peers = (None, None), (None, None)
    for s_in, s_out in zip(ins, outs, strict=True):
        *result, change = getattr(ours, step)(layer, s_in, s_out, *result, *taus, *SCALES)
        *peers, expected = getattr(peer_stdp, step)(layer, s_in, s_out, *peers, *taus, *SCALES)
        torch.testing.assert_close([*result, change], [*peers, expected], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_signature_is_the_peers(name):
    left, right = (inspect.signature(getattr(module, name)).parameters.values() for module in (ours, peer_stdp))
    assert [(p.name, p.kind, p.default is p.empty) for p in left] == [
        (p.name, p.kind, p.default is p.empty) for p in right
    ]


@pytest.mark.parametrize("step", ["stdp_linear_single_step", "mstdp_linear_single_step"])
@pytest.mark.parametrize("batch", [1, 3])
def test_dense_layers_change_as_the_peers(step, batch):
    assert_same(step, nn.Linear(7, 5), spikes(6, batch, 7), spikes(6, batch, 5), 3.0, 2.0)


def test_single_samples_have_the_peers_eligibility():
    assert_same("mstdpet_linear_single_step", nn.Linear(7, 5), spikes(6, 7), spikes(6, 5), 3.0, 2.0, 10.0)


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2}, {"padding": 1}, {"padding": 1, "padding_mode": "circular"}], ids=str
)
@pytest.mark.parametrize(("kind", "space"), [(nn.Conv1d, (9,)), (nn.Conv2d, (7, 5))])
def test_convolutions_change_as_the_peers(kind, space, options):
    conv = kind(2, 3, 3, **options)
    ins = spikes(4, 2, 2, *space)
    outs = spikes(4, *conv(ins[0]).shape)
    assert_same(f"stdp_conv{len(space)}d_single_step", conv, ins, outs, 3.0, 2.0)


@pytest.mark.parametrize("options", [{"dilation": 2}, {"groups": 2}], ids=str)
def test_convolutions_that_the_peer_refuses_change_too(options):
    conv, arguments = nn.Conv2d(2, 4, 3, **options), (None, None, 2.0, 2.0)
    ins = spikes(1, 2, 7, 7)
    outs = spikes(*conv(ins).shape)
    with pytest.raises(NotImplementedError):
        peer_stdp.stdp_conv2d_single_step(conv, ins, outs, *arguments)
    assert ours.stdp_conv2d_single_step(conv, ins, outs, *arguments)[2].shape == conv.weight.shape


@pytest.mark.parametrize("on_grad", [True, False])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_learner_gives_the_peers_change(on_grad, scale):
    xs, result = 3 * torch.rand(6, 2, 5), []
    weight = torch.rand(3, 5)
    for package, stdp in ((snn_core, ours), (snntorch, peer_stdp)):
        net = nn.Sequential(nn.Linear(5, 3, bias=False), package.Leaky(0.8, init_hidden=True))
        net[0].weight.data.copy_(weight)
        learner = stdp.STDPLearner(net[0], net[1], 3.0, 2.0, *SCALES)
        total = []
        with torch.no_grad():
            for part in (xs[:4], xs[4:]):  # traces go on from call to call
                for x in part:
                    net(x)
                total.append(learner.step(on_grad, scale))
        result.append(net[0].weight.grad if on_grad else total)
    torch.testing.assert_close(*result, rtol=1e-5, atol=1e-5)


def test_a_reset_works_where_the_peers_raises():
    lif, fc = snntorch.Leaky(0.8, init_hidden=True), nn.Linear(5, 3)
    with pytest.raises(AttributeError):
        peer_stdp.STDPLearner(fc, lif, 2.0, 2.0).reset()
    learner = ours.STDPLearner(fc, snn_core.Leaky(0.8, init_hidden=True), 2.0, 2.0)
    learner.reset()
    assert learner.trace_pre is None
