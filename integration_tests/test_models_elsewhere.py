"""Networks of snn-models in C and NIR: the outputs of a stream, or an error that names the layer."""

from __future__ import annotations

import pytest
import torch

import snn
from in_c.compiling import Library, as_row

pytestmark = pytest.mark.needs("snn", "snn-core", "snn-functional", "snn-models", "snn-export", "snn-nir")


def residual():
    """A small SEW-ResNet with statistics of its own, and spikes as images."""
    net = snn.models.sew_resnet(8, 5, in_channels=2, width=6)
    xs = (torch.rand(20, 1, 2, 8, 8) < 0.5).float()
    return normalized(net, xs), xs


def speech(**options):
    """A small recurrent network for speech with statistics of its own, and spikes."""
    net = snn.models.recurrent_speech(4, inputs=9, hidden=(7, 5), **options)
    xs = (torch.rand(50, 1, 9) < 0.4).float()
    return normalized(net, xs), xs


def leaky(features):
    return snn.RLeaky(0.9, linear_features=features, init_hidden=True)


def normalized(net, xs):
    """A net in evaluation mode whose normalizations have seen batches, and all of whose layers fire."""
    with torch.no_grad():
        for _ in range(20):
            snn.unroll(net, xs.roll(1, 0).expand(-1, 3, *xs.shape[2:]))
    with snn.functional.Activity(net.eval()) as activity, torch.no_grad():
        snn.unroll(net, xs)
    assert all(rates.sum() > 0 for path, rates in activity.rates.items() if not path.endswith(".neuron"))
    return net


def in_c(net, xs, folder):
    """Outputs of a net in C, and of a stream."""
    compiled, run = Library(net, xs[0], folder), snn.stream(net)
    return torch.stack([compiled(x[0]) for x in xs]), torch.stack([as_row(run(x)) for x in xs])


def test_a_residual_net_in_c_gives_what_a_stream_gives(tmp_path):
    outputs, expected = in_c(*residual(), tmp_path / "c")
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"neuron": leaky}], ids=["adaptive", "leaky"])
def test_a_net_for_speech_in_c_gives_what_a_stream_gives(options, tmp_path):
    net, xs = speech(**options)
    outputs, expected = in_c(net, xs, tmp_path / "c")
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [residual, lambda: speech(neuron=leaky)], ids=["residual", "speech"])
def test_a_graph_of_nir_gives_every_output(make):
    net, xs = make()
    graph = snn.nir.to_nir(net, xs[0])
    with torch.no_grad():
        torch.testing.assert_close(snn.unroll(snn.nir.from_nir(graph), xs), snn.unroll(net, xs), rtol=1e-4, atol=1e-5)


def test_an_adaptive_neuron_is_refused_by_nir_with_its_path():
    net, xs = speech()
    with pytest.raises(snn.nir.NIRError, match=r"'2' \(RAdLIF\).*NIR has no node for its equation"):
        snn.nir.to_nir(net, xs[0])
