"""A report on network and graph: the same where they are, and the place where they are not."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import snn_core as snn
from snn_nir import register
from snn_nir.checking.fidelity import _drawn, fidelity, losses
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
    assert plain.losses == ("'1' resets by subtraction only in its metadata; other readers reset it to zero",)
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


class Calls(nn.Module):
    """Layers called by a function."""

    def __init__(self, forward, **layers):
        super().__init__()
        self._forward = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *xs):
        return self._forward(self, *xs)


def returns_a_state(net, x, mem=None):
    spk, mem = net.lif(net.a(x), mem)
    return mem, net.b(spk)


def test_outputs_are_compared_where_states_are_returned_too():
    net = Calls(returns_a_state, a=nn.Linear(3, 4), lif=snn.Leaky(0.5), b=nn.Linear(4, 2))
    graph = to_nir(net, torch.zeros(1, 3))
    assert fidelity(net, graph).identical
    bias = graph.nodes["b"].bias.copy()
    graph.nodes["b"].bias += 1
    report = fidelity(net, graph)
    assert report.first_difference == 0
    assert report.largest_difference == pytest.approx(1.0)
    graph.nodes["b"].bias[:] = bias
    assert fidelity(net, graph).largest_difference == 0


def test_a_network_with_other_outputs_than_the_graph_is_refused():
    net = Calls(lambda net, x: (net.fc(x), x), fc=nn.Linear(3, 3))
    with pytest.raises(ValueError, match="fidelity: the graph has 1 outputs, the network returns 2"):
        fidelity(net, to_nir(net.fc, torch.zeros(1, 3)))


@pytest.mark.parametrize("xs", [None, torch.rand(7, 5, 3)])
def test_a_forward_with_a_loop_over_time_is_refused(xs):
    def forward(net, xs):
        snn.utils.reset(net)
        return torch.stack([net.lif(net.fc(x)) for x in xs])

    net = Calls(forward, fc=nn.Linear(3, 2), lif=snn.Leaky(0.9, init_hidden=True))
    graph = to_nir(net, torch.zeros(7, 1, 3))
    with pytest.raises(ValueError, match="fidelity: Calls loops over time; pass a network that takes one step"):
        fidelity(net, graph, xs)


def test_all_that_the_network_keeps_is_unchanged():
    net = nn.Sequential(snn.AxonalDelay(3, 2.0), snn.Leaky(0.9, init_hidden=True))
    graph = to_nir(net, torch.zeros(1, 2))
    xs = 3 * torch.rand(6, 1, 2)
    expected = snn.unroll(net, xs)
    snn.utils.reset(net)
    halves = [net(x) for x in xs[:3]]
    for _ in range(2):
        assert fidelity(net, graph).identical
    assert torch.stack(halves + [net(x) for x in xs[3:]]).equal(expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("random", [True, False])
def test_the_graph_runs_in_the_dtype_of_the_network(dtype, random):
    model = net().to(dtype)
    graph = to_nir(model, torch.zeros(1, 6, dtype=dtype))
    report = fidelity(model, graph, None if random else 2 * torch.rand(30, 3, 6).to(dtype))
    assert report.identical
    assert all(ours > 0 for ours, _, _ in report.spikes.values())


def test_a_network_without_numbers_of_its_own_has_the_dtype_of_its_input():
    net, xs = Calls(lambda net, x: 0.3 * x), torch.rand(5, 2, 3, dtype=torch.float64)
    assert fidelity(net, to_nir(net, xs[0]), xs).identical


def test_the_input_is_drawn_on_the_device_of_the_network():
    graph = to_nir(nn.Linear(3, 2), torch.zeros(1, 3))
    like = torch.empty(0)
    with torch.device("meta"):
        (xs,) = _drawn(like, graph, ["input"], 4)
    assert xs.equal(*_drawn(like, graph, ["input"], 4))
    assert _drawn(like.to("meta"), graph, ["input"], 4)[0].is_meta


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
    assert "does not decay where beta is 1, but decays a little in the graph, by its tau" in lost[2]
    assert "a function, which a file cannot store" in lost[3]


def test_a_state_of_another_name_than_mem_has_no_membrane_to_compare():
    class Counter(snn.SpikingNeuron):
        class State(NamedTuple):
            count: torch.Tensor

        def integrate(self, x, state):
            return self.State(state.count + x)

        def membrane(self, state):
            return state.count

    register(Counter, lambda neuron, drawing: {"spk": drawing.fire(drawing.leak("mem", 1.0, drawing.input))})
    model = nn.Sequential(Counter(threshold=2.0, reset_mechanism="none", init_hidden=True))
    report = fidelity(model, to_nir(model, torch.zeros(1, 2)))
    assert report.identical
    assert report.spikes["0"][0] > 0


def test_a_neuron_that_gets_its_input_by_name_is_compared():
    model = Calls(lambda net, x: net.lif(input_=x)[0], lif=snn.Leaky(0.5))
    report = fidelity(model, to_nir(model, torch.zeros(1, 3)))
    assert report.identical
    assert report.spikes["lif"][0] > 0


def test_a_network_that_is_one_parametrized_neuron_is_compared():
    class Halved(nn.Module):
        def forward(self, value):
            return value / 2

    lif = snn.Leaky(0.9, threshold=2.0, learn_threshold=True, init_hidden=True)
    parametrize.register_parametrization(lif, "threshold", Halved())
    assert fidelity(lif, to_nir(lif, torch.zeros(1, 3))).spikes[""][2] == 0


def test_no_time_step_is_refused():
    model = net()
    graph = to_nir(model, torch.zeros(1, 6))
    for xs, steps in ((None, 0), (torch.zeros(0, 3, 6), 100)):
        with pytest.raises(ValueError, match="fidelity: there is no time step to compare; pass xs"):
            fidelity(model, graph, xs, num_steps=steps)
