"""The layers that are not neurons: batch normalization through time and graded spikes."""

from __future__ import annotations

from typing import Any

import pytest
import snntorch as peer
import torch
from torch import Tensor, nn

import snn_core as ours

from .cases import spread
from .comparison import assert_close

STEPS = 4
NORMS = [("BatchNormTT1d", (5, 3)), ("BatchNormTT2d", (5, 3, 4, 2))]


def norms(name: str, **options: Any) -> tuple[nn.ModuleList, nn.ModuleList]:
    peer_norm, own = (getattr(package, name)(3, STEPS, **options) for package in (peer, ours))
    for norm in peer_norm:
        if norm.weight is not None:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
    own.load_state_dict(peer_norm.state_dict(), strict=True)
    return own, peer_norm


def run(norm: nn.ModuleList, xs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    leaf = xs.clone().requires_grad_()
    out = torch.stack([norm[t](x) for t, x in enumerate(leaf)])
    tensors = {"input": leaf, **dict(norm.named_parameters())}
    grads = torch.autograd.grad((out * spread(-1, 1, *out.shape)).sum(), list(tensors.values()))
    return out, dict(zip(tensors, grads, strict=True))


@pytest.mark.parametrize("options", [{}, {"eps": 1e-3, "momentum": 0.4}, {"affine": False}], ids=str)
@pytest.mark.parametrize(("name", "shape"), NORMS)
def test_a_norm_indexed_by_time_is_the_peers(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    norm, peer_norm = norms(name, **options)
    assert len(norm) == len(peer_norm) == STEPS
    assert all(norm.bias is None for norm in norm)
    xs = spread(-1, 3, STEPS, *shape)
    for mode in (True, False):  # statistics of the batch, then the running ones that it left
        norm.train(mode)
        peer_norm.train(mode)
        (left, left_grads), (right, right_grads) = run(norm, xs), run(peer_norm, xs)
        assert_close(left, right, 1e-5, "output")
        assert left_grads.keys() == right_grads.keys()
        for key, grad in right_grads.items():
            assert_close(left_grads[key], grad, 1e-5 * max(float(grad.abs().max()), 1.0), f"gradient of {key}")
    for key, value in peer_norm.state_dict().items():
        assert_close(norm.state_dict()[key].float(), value.float(), 1e-6, key)


@pytest.mark.parametrize("factor", [2.0, 0.25])
def test_graded_spikes_scale_a_column_of_features_as_the_peers(factor: float) -> None:
    # the peer multiplies [size, 1] weights onto its input: right for one column of features, the shape [size, 1]
    peer_layer, layer = peer.GradedSpikes(5, factor), ours.GradedSpikes(5, factor)
    with torch.no_grad():
        peer_layer.weights.mul_(spread(0.5, 1.5, 5, 1))
    layer.load_state_dict(peer_layer.state_dict(), strict=True)
    spk = (spread(-1, 1, 5) > 0).float()
    left, right = layer(spk), peer_layer(spk.unsqueeze(1)).squeeze(1)
    assert torch.equal(left, right)
    left_grad, right_grad = (
        torch.autograd.grad((out * spread(-1, 1, 5)).sum(), layer.weights)[0]
        for out, layer in ((left, layer), (right, peer_layer))
    )
    assert_close(left_grad, right_grad, 1e-6, "gradient of the weights")


def test_graded_spikes_start_where_the_peers_start() -> None:
    for package in (ours, peer):
        weights = package.GradedSpikes(1000, None).weights.detach()
        assert weights.shape == (1000, 1)
        assert 0.5 <= float(weights.min()) < 0.55
        assert 1.45 < float(weights.max()) < 1.5
    torch.manual_seed(3)
    peer_layer = peer.GradedSpikes(7, None).weights
    torch.manual_seed(3)
    assert torch.equal(ours.GradedSpikes(7).weights, peer_layer)
