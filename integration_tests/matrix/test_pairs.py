"""Two or three packages together, by facts that are known without them; a test runs wherever its packages are."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

pytestmark = pytest.mark.needs()


@pytest.mark.needs("snn-core", "snn-spikegen")
def test_a_certain_rate_makes_a_neuron_without_memory_fire_at_every_step():
    import snn_core
    from snn_spikegen import rate

    lif = snn_core.Leaky(beta=0.0, threshold=0.25)  # fires also in the step after a spike, which takes 0.25
    spk, _ = lif.unroll(rate(torch.tensor([[1.0, 0.0]]), num_steps=5))
    assert spk[:, 0].tolist() == [[1.0, 0.0]] * 5


@pytest.mark.needs("snn-core", "snn-functional")
def test_a_silent_net_has_the_loss_of_guessing():
    import snn_core
    from snn_functional import ce_count_loss

    net = nn.Sequential(nn.Linear(3, 7, bias=False), snn_core.Leaky(beta=0.9, init_hidden=True))
    spk = snn_core.unroll(net, torch.zeros(4, 5, 3))
    assert ce_count_loss()(spk, torch.arange(5)).item() == pytest.approx(math.log(7))


@pytest.mark.needs("snn-functional", "snn-spikegen")
def test_the_targets_of_a_code_are_all_correct():
    from snn_functional import accuracy_rate
    from snn_spikegen import targets_rate

    labels = torch.tensor([2, 0, 1, 1])
    spk = targets_rate(labels, num_classes=3, num_steps=6, correct_rate=0.5)
    assert accuracy_rate(spk, labels) == 1


@pytest.mark.needs("snn-plot", "snn-spikegen")
def test_a_raster_has_a_dot_for_every_spike():
    from matplotlib.figure import Figure

    from snn_plot import raster
    from snn_spikegen import latency

    spk = latency(torch.tensor([0.2, 0.9, 0.5]), num_steps=7, linear=True)
    ax = raster(spk, Figure().subplots())
    assert len(ax.collections[0].get_offsets()) == spk.sum() == 3


@pytest.mark.needs("snn-core", "snn-data")
def test_events_at_one_pixel_fire_the_neuron_of_that_pixel():
    import numpy as np

    import snn_core
    from snn_data import events_to_frames

    events = {"t": np.array([0, 4, 10]), "x": np.array([0, 1, 1]), "p": np.array([0, 0, 1])}
    frames = events_to_frames(events, (2, 1, 2), dt=5)
    spk, _ = snn_core.Leaky(beta=0.0, threshold=0.5).unroll(frames)
    assert torch.equal(spk, frames)


@pytest.mark.needs("snn-core", "snn-nir")
def test_a_net_comes_back_from_a_graph_with_every_spike():
    import snn_core
    from snn_nir import from_nir, to_nir

    torch.manual_seed(0)
    lif = snn_core.Leaky(beta=0.9, reset_mechanism="zero", init_hidden=True)
    net = nn.Sequential(nn.Linear(5, 3), lif)
    xs = 3 * torch.randn(20, 2, 5)
    spk = snn_core.unroll(net, xs)
    assert spk.sum() > 3
    assert torch.equal(snn_core.unroll(from_nir(to_nir(net, xs[0])), xs), spk)


@pytest.mark.needs("snn-core", "snn-cpu")
def test_spikes_and_gradients_are_those_of_the_loop_with_kernels_or_without():
    import snn_core

    torch.manual_seed(0)
    xs = torch.rand(9, 3, 5, requires_grad=True)
    lif = snn_core.Leaky(beta=0.9)
    spk, _ = lif.unroll(xs)
    (result,) = torch.autograd.grad(spk.sum(), xs)
    mem, out = lif.init_leaky(), []
    for x in xs:
        output, mem = lif(x, mem)
        out.append(output)
    (expected,) = torch.autograd.grad(torch.stack(out).sum(), xs)
    assert torch.equal(spk, torch.stack(out))
    torch.testing.assert_close(result, expected)


@pytest.mark.needs("snn-core", "snn-ipu")
def test_the_ipu_is_a_backend_of_the_core_and_takes_its_neurons():
    import snn_core
    from snn_ipu import check

    assert "ipu" in snn_core.backends.names()
    net = nn.Sequential(nn.Linear(3, 2), snn_core.Leaky(beta=0.9, init_hidden=True))
    assert [issue for issue in check(net, torch.rand(5, 4, 3)) if issue.severity == "error"] == []


@pytest.mark.needs("snn-core", "snn-functional", "snn-nir")
def test_a_monitor_counts_in_an_imported_net_what_it_counts_in_the_exported_one():
    import snn_core
    from snn_functional import firing_rate
    from snn_nir import from_nir, to_nir

    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(5, 3), snn_core.Leaky(beta=0.9, reset_mechanism="zero", init_hidden=True))
    xs = 3 * torch.randn(20, 2, 5)
    back = from_nir(to_nir(net, xs[0]))
    assert firing_rate(snn_core.unroll(back, xs)) == pytest.approx(firing_rate(snn_core.unroll(net, xs)))


@pytest.mark.needs("snn", "snn-spikegen")
def test_the_namespace_has_the_functions_of_the_piece():
    import snn
    import snn_spikegen

    assert snn.spikegen.rate is snn_spikegen.rate
