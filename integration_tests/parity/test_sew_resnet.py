"""A SEW-ResNet is that of SpikingJelly: outputs, gradients and statistics, with the same weights."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import snn_core as ours
from snn_models import sew_resnet

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what Python says of the peer's sources where it compiles them for the first time
    from spikingjelly.activation_based import functional, neuron, surrogate
    from spikingjelly.activation_based.model.sew_resnet import BasicBlock, SEWResNet


def peer_net(connect: str, **options: Any) -> nn.Module:
    """Return the peer's net of 18 layers, with neurons that do not halve their input, in double precision."""
    cell = partial(neuron.LIFNode, tau=2.0, decay_input=False, surrogate_function=surrogate.ATan(2.0), **options)
    net = SEWResNet(BasicBlock, [2, 2, 2, 2], num_classes=7, cnf=connect, spiking_neuron=cell).double()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.2, 0.6)
    return net


def own_net(connect: str, peer: nn.Module, **options: Any) -> tuple[nn.Module, list[str]]:
    """Return a net with the peer's weights, and their names in the order of the peer's."""
    cell = partial(ours.Leaky, 0.5, reset_mechanism="zero", spike_grad=ours.surrogate.atan(2.0), init_hidden=True)
    net = sew_resnet(18, 7, stem="imagenet", connect=connect, neuron=partial(cell, **options)).double()
    neurons = {path for path, m in net.named_modules() if isinstance(m, ours.SpikingNeuron)}
    names = [name for name in net.state_dict() if name.rpartition(".")[0] not in neurons]
    missing = net.load_state_dict(dict(zip(names, peer.state_dict().values(), strict=True)), strict=False)
    assert {name.rpartition(".")[0] for name in missing.missing_keys} <= neurons
    return net, names


@pytest.mark.parametrize(
    ("connect", "options", "peer_options"),
    [
        ("ADD", {"reset_delay": False}, {}),
        ("IAND", {"reset_delay": False}, {}),
        ("ADD", {}, {"detach_reset": True}),
    ],
)
def test_outputs_gradients_and_statistics_are_the_peers(
    connect: str, options: dict[str, Any], peer_options: dict[str, Any]
) -> None:
    peer = peer_net(connect, **peer_options)
    net, names = own_net(connect, peer, **options)
    xs = 2 * torch.rand(4, 2, 3, 32, 32, dtype=torch.double)
    peer_out, out = torch.stack([peer(x) for x in xs]), ours.unroll(net, xs)
    functional.reset_net(peer)
    torch.testing.assert_close(out, peer_out, rtol=1e-9, atol=1e-9)
    assert peer_out.std(0).max() > 0.01  # the steps differ
    weights = torch.randn_like(out)
    (out * weights).sum().backward()
    (peer_out * weights).sum().backward()
    own, parameters = dict(net.named_parameters()), dict(peer.named_parameters())
    gradients = [own[name].grad for name in names if name in own]
    torch.testing.assert_close(gradients, [p.grad for p in parameters.values()], rtol=1e-7, atol=1e-9)
    assert all(p.grad is not None and p.grad.any() for p in parameters.values())
    for name, value in zip(names, peer.state_dict().values(), strict=True):
        torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-9, atol=1e-9)
