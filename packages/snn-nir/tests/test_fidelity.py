"""A report on network and graph: the same where they are, and the place where they are not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_nir.checking.fidelity import fidelity, losses
from snn_nir.exporting import to_nir
from snn_nir.graphs.int8 import to_int8


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def net():
    return nn.Sequential(
        nn.Linear(6, 20),
        snn.Leaky(0.9, init_hidden=True),
        nn.Linear(20, 5),
        snn.RSynaptic(0.8, 0.9, linear_features=5, init_hidden=True, output=True, reset_mechanism="zero"),
    )


def test_an_exact_graph_is_identical_with_metadata_and_without():
    model = net()
    graph = to_nir(model, torch.zeros(1, 6))
    report = fidelity(model, graph)
    assert report.identical
    assert report.largest_difference == 0
    assert report.losses == ()
    assert {name: counts[2] for name, counts in report.spikes.items()} == {"1": 0, "3": 0}
    assert all(ours == expected > 0 for ours, expected, _ in report.spikes.values())
    plain = fidelity(model, graph, metadata=False)
    assert plain.identical
    assert 0 < plain.largest_difference < 1e-5


@pytest.mark.filterwarnings("ignore:NIR408")
def test_a_reset_that_only_the_metadata_knows_is_found():
    model = net()
    graph = to_nir(model, torch.zeros(1, 6), reset="compact")
    assert fidelity(model, graph).identical
    plain = fidelity(model, graph, num_steps=50, metadata=False)
    assert plain.first_difference is not None
    assert plain.spikes["1"][0] > plain.spikes["1"][1]
    assert plain.losses == ("'1' resets by subtraction in its metadata alone; other readers reset it to zero",)
    report = str(plain).splitlines()
    assert report[0] == f"first difference in step {plain.first_difference} of 50"
    assert report[-1].startswith("  lost: '1' resets by subtraction")


def test_the_first_difference_is_the_step_of_the_first_other_spike():
    lif = snn.Leaky(1.0, reset_mechanism="zero", init_hidden=True)
    graph = to_nir(lif, torch.zeros(1, 1))
    graph.nodes["leaky"].v_threshold[:] = 2.0
    graph.nodes["leaky"].metadata = {}
    report = fidelity(lif, graph, torch.full((6, 1, 1), 0.4))  # the net fires in steps 2 and 5, the graph in step 5
    assert report.first_difference == 2
    assert report.spikes == {"": (2, 1, 1)}
    assert report.largest_difference == pytest.approx(1.2)


def test_a_network_that_passes_its_states_goes_on_from_them():
    class Explicit(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(6, 6)
            self.a = snn.Synaptic(0.8, 0.9)
            self.b = snn.RLeaky(0.9, linear_features=6)

        def forward(self, x):
            syn, mem = self.a.init_synaptic()
            spk, syn, mem = self.a(self.fc(x), syn, mem)
            return self.b(spk, *self.b.init_rleaky())

    net = Explicit()
    report = fidelity(net, to_nir(net, torch.zeros(1, 6)))
    assert report.identical
    assert report.largest_difference == 0
    assert set(report.spikes) == {"a", "b"}


def test_the_kept_state_of_the_network_is_unchanged():
    model = net()
    model(torch.ones(2, 6))
    before = model[1].mem.clone()
    fidelity(model, to_nir(model, torch.zeros(1, 6)))
    assert model[1].mem.equal(before)
    assert not model[1]._forward_hooks


def test_a_graph_with_more_outputs_than_the_network_is_refused():
    model = net()
    graph = to_nir(model, torch.zeros(1, 6))
    other = nn.Sequential(model[0], model[1])
    assert fidelity(other, to_nir(other, torch.zeros(1, 6))).identical

    class Two(nn.Module):
        def forward(self, x):
            return x, 2 * x

    with pytest.raises(ValueError, match="fidelity: the graph has 2 outputs, the network returns 1"):
        fidelity(nn.Identity(), to_nir(Two(), torch.zeros(1, 6)))
    assert graph.nodes


@pytest.mark.filterwarnings("ignore:NIR407")
def test_losses_name_what_no_reader_finds():
    net = nn.Sequential(
        nn.Linear(3, 2),
        snn.Leaky(torch.tensor([1.0, 0.5]), init_hidden=True, inhibition=True, reset_mechanism="zero"),
        snn.Leaky(0.5, init_hidden=True, spike_grad=lambda x: (x > 0).to(x.dtype)),
    )
    graph = to_int8(to_nir(net, torch.zeros(1, 3), on_unsupported="metadata"))
    lost = losses(net, graph)
    assert [text.split(":")[0].split(" ")[0] for text in lost] == ["'0'", "'1'", "'1'", "'2'"]
    assert "weights are rounded by up to" in lost[0]
    assert "inhibition=True" in lost[1]
    assert "does not decay where beta is 1; in tau it does, a little" in lost[2]
    assert "a function, which no file can hold" in lost[3]
