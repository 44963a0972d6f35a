"""Tests of which nodes become neurons of snn-core, and that they compute the same."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import snn_core as snn
from snn_nir import from_nir, to_nir

from .graphs import DT, chain, cuba, full, lif, recurrent, spread
from .simplified import TAU, THR, R, kinds, li, metadata_of, same, soft, spikes

SIMPLE = {
    "LIF": (lif(tau=TAU, r=R, thr=THR), ["Leaky"], {"reset_mechanism": "zero", "reset_delay": False}),
    "LIF with a gain": (lif(tau=TAU, r=3.0, thr=0.3), ["Scale", "Leaky"], {"reset_mechanism": "zero"}),
    "IF": (nir.IF(r=full(1 / DT), v_threshold=full(THR)), ["Leaky"], {"reset_mechanism": "zero"}),
    "CubaLIF": (cuba(r=R, w=5.0), ["Synaptic"], {"reset_mechanism": "zero", "reset_delay": False}),
    "CubaLIF with a gain": (cuba(r=R, w=3.0), ["Scale", "Synaptic"], {"reset_mechanism": "zero"}),
}


@pytest.mark.parametrize("name", SIMPLE)
def test_spiking_nodes_become_neurons_that_fire_the_same(name):
    node, expected, options = SIMPLE[name]
    net = same(chain(spread(), node))
    assert kinds(net) == ["Linear", *expected]
    assert {key: getattr(net["n1"], key) for key in options} == options


READOUTS = {
    "LI": (li(), ["Readout"]),
    "LI with a gain": (li(r=1.0), ["Scale", "Readout"]),
    "I": (nir.I(r=full(1 / DT)), ["Readout"]),
    "CubaLI": (cuba(nir.CubaLI, r=R, w=5.0), ["Synaptic"]),
}


@pytest.mark.parametrize("name", READOUTS)
def test_integrators_become_neurons_read_by_their_membrane(name):
    node, expected = READOUTS[name]
    net = same(chain(spread(), node), exact=False)
    assert kinds(net) == ["Linear", *expected]
    assert (net["n1"].reset_mechanism, net["n1"].output) == ("none", expected[-1] == "Synaptic")


UNCHANGED = {
    "a leak potential": lif(tau=TAU, r=R, leak=0.1, thr=THR),
    "a reset potential": lif(tau=TAU, r=R, reset=-0.1, thr=THR),
    "a step longer than tau": lif(tau=0.8 * DT, r=1.0, thr=THR),
    "a current that is scaled": cuba(r=3.0, w=5.0, thr=0.3),
}


@pytest.mark.parametrize("name", UNCHANGED)
@pytest.mark.filterwarnings("ignore:NIR503")
def test_nodes_without_a_neuron_in_core_stay_primitives(name):
    net = same(chain(spread(), UNCHANGED[name]))
    assert kinds(net)[-1] in ("LIF", "CubaLIF")


def test_a_threshold_behind_an_integrator_is_one_neuron_with_it():
    net = same(chain(spread(), li(), nir.Threshold(full(THR))))
    assert kinds(net) == ["Linear", "Leaky"]
    assert (net["n1"].reset_mechanism, net["n1"].output) == ("none", False)


def test_a_threshold_of_a_sum_stays_one():
    graph = chain(spread(), li(), nir.Threshold(full(THR)))
    graph.edges.append(("n0", "n2"))
    assert kinds(same(graph)) == ["Linear", "Readout", "Threshold"]


@pytest.mark.parametrize(("amount", "delay"), [(-THR, True), (-0.9 * THR, False)])
def test_the_decomposed_reset_is_folded_back(amount, delay):
    net = same(soft(amount))
    assert kinds(net) == ["Linear", "Leaky"]
    assert (net["mem"].reset_mechanism, net["mem"].reset_delay) == ("subtract", delay)


@pytest.mark.parametrize(("amount", "delay"), [(-THR / 0.3, True), (-0.9 * THR / 0.3, False)])
def test_the_decomposed_reset_is_found_behind_a_gain(amount, delay):
    net = same(soft(amount, li(r=3.0)))
    assert kinds(net) == ["Linear", "Scale", "Leaky"]
    assert (net["mem"].reset_mechanism, net["mem"].reset_delay) == ("subtract", delay)


def test_without_leak_the_metadata_says_when_the_reset_comes():
    graph = soft(-THR, nir.I(r=full(1 / DT)))
    assert same(graph)["mem"].reset_delay
    assert not same(soft(-THR, nir.I(r=full(1 / DT)), metadata_of(reset_delay=False)))["mem"].reset_delay


def test_another_amount_is_a_recurrent_weight():
    net = same(soft(-0.5 * THR))
    assert kinds(net) == ["Linear", "RLeaky"]
    assert net["mem"].V.tolist() == pytest.approx([-0.4] * 5)


def test_a_neuron_that_reads_nothing_but_its_reset_stays_nodes():
    nodes = {"input": nir.Input(np.array([3])), "mem": li(3), "thr": nir.Threshold(full(THR, 3))}
    nodes |= {"back": nir.Scale(full(-THR, 3)), "output": nir.Output(np.array([3]))}
    edges = [("mem", "thr"), ("thr", "back"), ("back", "mem"), ("thr", "output"), ("input", "output")]
    assert "LI" in kinds(same(nir.NIRGraph(nodes, edges, type_check=False)))


def test_a_membrane_that_is_read_stays_readable():
    net = same(soft(-THR, output="mem"), exact=False)
    assert kinds(net) == ["Linear", "Leaky"]
    assert net["mem"].output


def test_a_membrane_before_an_immediate_reset_is_not_a_state_of_a_neuron():
    net = same(soft(-0.9 * THR, output="mem"), exact=False)
    assert "LI" in kinds(net)


def test_a_neuron_that_fires_at_rest_stays_nodes():
    assert "Threshold" in kinds(same(soft(THR, threshold=-THR)))


@pytest.mark.parametrize("neuron", [lif(tau=TAU, r=R, thr=1.0), cuba(r=R, w=5.0)])
def test_recurrent_weights_join_their_neuron(neuron):
    net = same(recurrent(neuron), exact=False)
    assert kinds(net) == ["Linear", "RSynaptic" if isinstance(neuron, nir.CubaLIF) else "RLeaky"]
    assert net["lif"].recurrent.bias.requires_grad


def with_weight(node, neuron=None):
    graph = recurrent(neuron or lif(tau=TAU, r=R, thr=1.0))
    graph.nodes["w_rec"] = node
    return graph


def test_recurrence_without_bias_has_one_of_zeros_that_does_not_learn():
    net = same(with_weight(nir.Linear(np.random.default_rng(0).normal(size=(5, 5)))), exact=False)
    assert not net["lif"].recurrent.bias.any()
    assert not net["lif"].recurrent.bias.requires_grad
    assert net["lif"].recurrent.weight.requires_grad


@pytest.mark.parametrize("node", [nir.Scale(np.linspace(-1, 1, 5)), nir.Linear(np.diag(np.linspace(-1, 1, 5)))])
def test_one_weight_for_each_neuron_is_recognized(node):
    net = same(with_weight(node), exact=False)
    assert kinds(net) == ["Linear", "RLeaky"]
    assert net["lif"].V.tolist() == np.linspace(-1, 1, 5).tolist()


@pytest.mark.parametrize("padding", [(1, 2), "same"])
def test_a_recurrent_convolution_is_recognized(padding):
    rng = np.random.default_rng(0)
    weight = nir.Conv2d((4, 6), rng.normal(0, 0.5, (2, 2, 3, 5)), 1, padding, 1, 1, rng.normal(0, 0.2, 2))
    nodes = {"input": nir.Input(np.array([2, 4, 6])), "lif": lif((2, 4, 6), tau=TAU, r=R, thr=1.0), "w": weight}
    edges = [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")]
    graph = nir.NIRGraph(nodes | {"output": nir.Output(None)}, edges, type_check=False)
    assert kinds(same(graph, exact=False, shape=(2, 4, 6))) == ["RLeaky"]


def test_weights_that_others_read_too_are_not_part_of_the_neuron():
    graph = recurrent(lif(tau=TAU, r=R, thr=1.0))
    graph.edges.append(("w_rec", "output"))
    assert kinds(same(graph, exact=False)) == ["Linear", "Leaky", "Linear", "Carried"]


def test_recurrence_to_a_neuron_with_a_gain_stays_a_cycle():
    graph = recurrent(lif(tau=TAU, r=3.0, thr=0.3))
    assert kinds(same(graph)) == ["Linear", "Scale", "Leaky", "Linear", "Carried"]


@pytest.mark.parametrize(
    "graph",
    [
        chain(spread(), lif(tau=TAU, r=R)),
        chain(spread(), cuba(r=R, w=5.0)),
        recurrent(lif(tau=TAU, r=R)),
        recurrent(cuba(r=R, w=5.0)),
        with_weight(nir.Scale(np.linspace(-1, 1, 5))),
        with_weight(nir.Linear(np.random.default_rng(0).normal(size=(5, 5)))),
    ],
)
def test_the_neurons_have_kernels(graph):
    (neuron,) = from_nir(graph, dt=DT).neurons.values()
    choice = snn.kernels.choose(neuron, torch.zeros(3, 2, 5, dtype=torch.float64))
    assert choice.reason == "runs its step program" or choice.reason.startswith(("no engine", "snn-cpu"))


def test_a_constant_that_all_neurons_share_is_one_number():
    thr = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    neuron = from_nir(chain(spread(), lif(tau=TAU, r=R, thr=thr)), dt=DT)["n1"]
    assert neuron.beta.shape == ()
    assert neuron.threshold.tolist() == thr.tolist()


def entered_twice(first, second, r=(5.0, 8.0), thr=(0.3, 0.3), metadata=None):
    """Two neurons that feed each other and both read the input; the order of names says which waits."""
    nodes = {first: lif(3, tau=2e-3, r=r[0], thr=thr[0]), second: lif(3, tau=2e-3, r=r[1], thr=thr[1])}
    nodes[first].metadata = metadata or {}
    nodes |= {"input": nir.Input(np.array([3])), "output": nir.Output(np.array([3]))}
    edges = [("input", first), ("input", second), (first, second), (second, first), (second, "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize(
    "graph",
    [
        entered_twice("a", "b"),
        entered_twice("exc", "exc-2"),
        entered_twice("exc", "exc.b"),
        entered_twice("a", "b", r=(20.0, 20.0), thr=(1.2, 2.3), metadata=metadata_of(group="z")),
    ],
    ids=["a b", "exc exc-2", "exc exc.b", "z b"],
)
def test_a_cycle_is_closed_where_it_was_whatever_the_names_of_the_neurons(graph):
    net = same(graph)
    again = from_nir(to_nir(net, torch.zeros(1, 3)))
    assert torch.equal(again.unroll(spikes())[0], net.unroll(spikes())[0])


def test_a_cycle_entered_twice_is_simplified_if_the_names_allow_it():
    assert kinds(from_nir(entered_twice("a", "b"), dt=DT)) == ["Scale", "Leaky", "Scale", "Leaky", "Carried"]
    assert kinds(from_nir(entered_twice("exc", "exc-2"), dt=DT)) == ["LIF", "LIF", "Carried"]
