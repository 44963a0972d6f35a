"""The network of the demonstration."""

from __future__ import annotations

import pytest
import torch

import snn
from snn.demo.network import DigitReader, present, record
from snn.demo.settings import Settings


@pytest.fixture
def net() -> DigitReader:
    torch.manual_seed(0)
    return DigitReader(Settings(hidden=7))


def test_it_runs_layer_by_layer(net):
    _, how = snn.unroll(net, torch.rand(5, 3, 1, 8, 8), explain=True)
    assert how.kind == "layers", how.reason


def test_a_pixel_fires_its_brightness_times_the_steps(net):
    # U[t] = U[t-1] + x - R[t] fires where t x passes a whole number and is strictly above it: ceil(16 x) - 1 times.
    brightness = torch.tensor([0.0, 1 / 16, 0.25, 0.5, 0.8, 1.0]).repeat(11)[:64]
    spk = record(net, brightness.view(1, 8, 8), num_steps=16).input_spk
    # 16 * (0, 1/16, 1/4, 1/2, 0.8, 1) = 0, 1, 4, 8, 12.8, 16
    assert spk.sum(0)[:6].tolist() == [0, 0, 3, 7, 12, 15]


def test_the_recording_is_what_the_network_does(net):
    image = torch.rand(1, 8, 8)
    kept = record(net, image, num_steps=5)
    assert torch.equal(kept.output_spk, present(net, image[None], num_steps=5)[:, 0])
    assert torch.equal(kept.output_spk, (kept.output_mem > net.output.threshold).float())
    assert torch.equal(kept.hidden_spk, (kept.hidden_mem > net.hidden.threshold).float())
    assert [tuple(one.shape) for one in kept] == [(5, 64), (5, 7), (5, 7), (5, 10), (5, 10)]


def test_every_parameter_learns(net):
    images = torch.rand(3, 1, 8, 8)
    present(net, images, num_steps=7).sum().backward()
    learnt = {name for name, one in net.named_parameters() if one.grad is not None and one.grad.abs().sum() > 0}
    assert learnt == {name for name, _ in net.named_parameters()}
    assert {"hidden.beta", "output.threshold"} <= learnt
