"""The deep nets of the benchmark are those of snn-models, and take whole sequences as they take single steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from bench.programs import deep
from bench.programs.kit import Kit, Leaky, familiar
from bench.programs.kits import ours
from snn_models import qkformer, sew_resnet

_NEURON = partial(snn.Leaky, 0.5, spike_grad=snn.surrogate.fast_sigmoid(deep.SLOPE), init_hidden=True)
NETS: dict[str, tuple[Callable[[Kit], nn.Module], nn.Module]] = {
    "SEW-ResNet-18": (partial(deep.sew_resnet, width=16), sew_resnet(18, width=16, neuron=_NEURON)),
    "QKFormer": (deep.qkformer, qkformer(3, 64, heads=4, scale=deep.SCALE, neuron=_NEURON)),
}


def weights(net: nn.Module) -> list[Tensor]:
    """Return what a net learns and its running statistics, in the order of its layers, without those of neurons."""
    neurons = {path for path, layer in net.named_modules() if isinstance(layer, snn.SpikingNeuron)}
    return [value for name, value in net.state_dict().items() if name.rpartition(".")[0] not in neurons]


@pytest.mark.parametrize("name", NETS)
def test_a_deep_net_is_that_of_snn_models(name: str) -> None:
    torch.manual_seed(0)
    make, model = NETS[name]
    model, net = model.double(), make(ours.kit()).double()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.0)
    for value, expected in zip(weights(net), weights(model), strict=True):
        value.copy_(expected)
    xs = torch.rand(3, 2, 3, 32, 32, dtype=torch.double)
    out, expected = snn.unroll(net, xs), snn.unroll(model, xs)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    assert expected.std(0).max() > 0.01  # the steps differ
    scale = torch.randn_like(out)
    (out * scale).sum().backward()
    (expected * scale).sum().backward()
    gradients = [[p.grad for p in module.parameters()] for module in (net, model)]
    torch.testing.assert_close(*gradients, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(weights(net), weights(model), rtol=1e-9, atol=1e-9)


class _EveryStep(nn.Module):
    """A layer without state on sequences, ``[T, batch, ...]``."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, xs: Tensor) -> Tensor:
        return self.layer(xs.flatten(0, 1)).unflatten(0, xs.shape[:2])


class _Sequence(nn.Module):
    """Neurons on sequences."""

    def __init__(self, leaky: Leaky) -> None:
        super().__init__()
        self.neurons = familiar(snn, leaky)

    def forward(self, xs: Tensor) -> Tensor:
        return snn.unroll(self.neurons, xs)


@pytest.mark.parametrize("name", NETS)
def test_a_deep_net_of_a_library_of_whole_sequences_gives_what_its_steps_give(name: str) -> None:
    torch.manual_seed(0)
    make, _ = NETS[name]
    net = make(ours.kit()).double().eval()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.bias, 0.2, 1.0)  # its statistics are not those of its input, so that nothing fires
    at_once = make(Kit(_Sequence, lambda net, xs: net(xs), lift=_EveryStep)).double().eval()
    for value, expected in zip(weights(at_once), weights(net), strict=True):
        value.copy_(expected)
    xs = torch.rand(3, 2, 3, 32, 32, dtype=torch.double)
    with torch.no_grad():
        out, expected = at_once(xs), snn.unroll(net, xs)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    assert expected.std(0).max() > 1e-4
