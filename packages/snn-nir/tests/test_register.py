"""Drawings that users register: of neurons of their own, and of subclasses of any neuron that has one."""

from __future__ import annotations

from typing import NamedTuple

import nir
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_nir import NeuronDrawing, NIRError, NIRWarning, fidelity, from_nir, read, register, to_nir, write
from snn_nir.graphs.metadata import read_metadata

from .exportable import closing, looped
from .reference import simulate

FEATURES, STEPS = 3, 60


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(3)


def circuit() -> type[snn.SpikingNeuron]:
    """A class of its own for every test: a membrane by its time constant in steps."""

    class Circuit(snn.SpikingNeuron):
        class State(NamedTuple):
            mem: Tensor

        def __init__(self, tau, **options):
            super().__init__(**options)
            self.constant("tau", tau)

        def integrate(self, x, state):
            return state._replace(mem=state.mem + (2 * x - state.mem) / self.tau)

    return Circuit


def draw_circuit(neuron, drawing: NeuronDrawing):
    return drawing.membrane(1 - 1 / neuron.tau, gain=2 / neuron.tau)


class Adaptive(snn.SpikingNeuron):
    """A threshold that rises with every spike."""

    class State(NamedTuple):
        mem: Tensor
        rise: Tensor

    def __init__(self, beta, rho, b, **options):
        super().__init__(**options)
        for name, value in (("beta", beta), ("rho", rho), ("b", b)):
            self.constant(name, value)

    def integrate(self, x, state):
        return self.State(self.beta * state.mem + x, self.rho * state.rise)

    def membrane(self, state):
        return state.mem - state.rise

    def subtract(self, state, amount):
        return self.State(state.mem - amount, state.rise + self.b * amount)


def draw_adaptive(neuron, drawing: NeuronDrawing):
    if (neuron.reset_name, neuron.reset_delay) != ("subtract", True):
        drawing.leave_out("it resets otherwise", "keep the default reset")
    mem = drawing.leak("mem", neuron.beta, drawing.input)
    fall = drawing.leak("fall", neuron.rho)
    spk = drawing.fire(mem, fall)
    drawing.connect(drawing.scale("reset", -neuron.threshold, spk), mem)
    drawing.connect(drawing.scale("adapt", -neuron.b * neuron.threshold, spk), fall)
    return {"spk": spk, "mem": mem}


register(Adaptive, draw_adaptive)


def fires_alike(net: nn.Module, shape: tuple[int, ...] = (FEATURES,)) -> nir.NIRGraph:
    """Assert that a simulator without our metadata, and our import with it, give every spike of a net in float64."""
    xs = torch.rand(STEPS, 2, *shape, dtype=torch.float64)
    graph = to_nir(net.double(), xs[0])
    expected = torch.stack(looped(net, xs)).numpy()
    late = closing(graph) | {(s, t) for s, t in graph.edges if s.endswith(".adapt")}
    result = simulate(graph, xs.numpy(), 1e-4, late=late)["output"]
    assert expected.any()
    np.testing.assert_array_equal(result, expected)
    assert fidelity(net, graph, xs).identical
    return graph


@pytest.mark.parametrize("reset", ["zero", "none", "subtract"])
@pytest.mark.parametrize("delay", [True, False])
def test_a_users_membrane_has_every_reset(reset, delay):
    kind = circuit()
    register(kind, draw_circuit)
    tau = torch.tensor([2.0, 7.0, 20.0])
    options = {"reset_mechanism": reset, "reset_delay": delay, "init_hidden": True}
    graph = fires_alike(kind(tau, threshold=0.4, graded_spikes_factor=1.5, **options))
    (membrane,) = (n for n in graph.nodes.values() if isinstance(n, nir.LI | nir.LIF))
    np.testing.assert_allclose(membrane.tau, tau * 1e-4)
    np.testing.assert_allclose(membrane.r, 2.0)
    assert read_metadata(membrane)["class"] == "Circuit"


def test_a_users_neuron_of_several_nodes_fires_the_same_and_survives_a_file(tmp_path):
    net = nn.Sequential(nn.Linear(FEATURES, 5), Adaptive(0.9, 0.95, 0.5, init_hidden=True))
    with torch.no_grad():
        net[0].weight.abs_()
    graph = fires_alike(net)
    assert sorted(graph.nodes) == ["0", "1.adapt", "1.fall", "1.mem", "1.reset", "1.spk", "input", "output"]
    assert {read_metadata(graph.nodes[f"1.{part}"])["group"] for part in ("adapt", "fall", "mem", "spk")} == {"1"}
    write(graph, tmp_path / "net.nir")
    xs = torch.rand(STEPS, 2, FEATURES, dtype=torch.float64)
    twin = from_nir(read(tmp_path / "net.nir"))
    assert torch.equal(torch.stack(looped(twin, xs)), torch.stack(looped(net, xs)))


@pytest.mark.parametrize("options", [{"linear_features": FEATURES}, {"all_to_all": False, "V": 0.4}])
def test_recurrence_is_drawn_around_any_neuron(options):
    kind = circuit()
    register(kind, draw_circuit)

    class Back(snn.Recurrent, kind):
        class State(NamedTuple):
            spk: Tensor
            mem: Tensor

        def __init__(self, tau, **arguments):
            super().__init__(tau, **arguments)
            self.connect(**options)

    graph = fires_alike(Back(5.0, threshold=0.3, init_hidden=True))
    assert ("back.w_rec", "back.mem") in graph.edges


def test_recurrence_comes_as_often_as_the_input():
    kind = circuit()

    def draw(neuron, drawing):
        both = drawing.input.plus(drawing.input).plus(drawing.scale("half", 0.5, drawing.input))
        return {"spk": drawing.fire(drawing.leak("mem", 1 - 1 / neuron.tau, both, gain=0.8 / neuron.tau))}

    register(kind, draw)

    class Back(snn.Recurrent, kind):
        class State(NamedTuple):
            spk: Tensor
            mem: Tensor

        def __init__(self, tau, **arguments):
            super().__init__(tau, **arguments)
            self.connect(linear_features=FEATURES)

    fires_alike(Back(4.0, threshold=0.3, reset_mechanism="none", init_hidden=True))


class RAlpha(snn.Recurrent, snn.Alpha):
    """A recurrent neuron with two currents."""

    class State(NamedTuple):
        spk: Tensor
        syn_exc: Tensor
        syn_inh: Tensor
        mem: Tensor

    def __init__(self, **options):
        super().__init__(0.9, 0.8, threshold=0.3, init_hidden=True, **options)
        self.connect(linear_features=FEATURES)


def test_recurrence_reaches_every_node_that_the_input_does():
    edges = set(fires_alike(RAlpha(reset_mechanism="subtract")).edges)
    assert {("ralpha.w_rec", "ralpha.exc"), ("ralpha.w_rec", "ralpha.inh")} < edges


@pytest.mark.parametrize(
    "options", [{"reset_mechanism": "none"}, {"graded_spikes_factor": 0.5}, {"reset_delay": False}]
)
@pytest.mark.parametrize("simplify", [True, False])
def test_a_recurrent_neuron_with_two_currents_needs_no_metadata(options, simplify):
    torch.manual_seed(3)
    net = nn.Sequential(RAlpha(**{"reset_mechanism": "subtract", **options}).double())
    graph = to_nir(net, torch.zeros(1, FEATURES, dtype=torch.float64))
    for node in (graph, *graph.nodes.values()):
        node.metadata.clear()
    twin = from_nir(graph, dt=1e-4, simplify=simplify)
    xs = torch.rand(STEPS, 2, FEATURES, dtype=torch.float64)
    spk = torch.stack(looped(net, xs))
    assert 0.1 < (spk != 0).double().mean() < 0.9
    assert torch.equal(torch.stack(looped(twin, xs)), spk)


class Named(snn.Lapicque):
    """A subclass that leaves the equation as it is."""

    def __init__(self, tau, **options):
        super().__init__(R=1.0, C=tau, **options)


def test_a_subclass_with_the_same_equation_is_drawn_and_read_as_its_parent():
    net = nn.Sequential(Named(4.0, threshold=0.3, init_hidden=True))
    twin = from_nir(fires_alike(net))
    assert type(twin["0"]) is snn.Lapicque


@pytest.mark.parametrize(
    "name", ["integrate", "membrane", "subtract", "clear", "forward", "outputs", "clears_first", "_crossing"]
)
def test_a_subclass_with_another_step_is_refused_by_name_until_it_is_registered(name):
    changed = type("Changed", (snn.Leaky,), {name: getattr(snn.Leaky, name)})
    with pytest.raises(NIRError, match=rf"NIR401: '0' \(Changed\).*it overrides {name} of Leaky, .*register\(Changed"):
        to_nir(nn.Sequential(changed(0.9, init_hidden=True)), torch.zeros(1, 2))
    register(changed, lambda neuron, drawing: drawing.membrane(neuron.membrane_decay))
    fires_alike(nn.Sequential(changed(0.9, init_hidden=True)))


def test_a_method_replaced_on_one_neuron_is_refused():
    lif = snn.Leaky(0.9, init_hidden=True)
    lif.integrate = lambda x, state: state._replace(mem=x)
    with pytest.raises(NIRError, match=r"NIR401: '0' \(Leaky\).*integrate of Leaky"):
        to_nir(nn.Sequential(lif), torch.zeros(1, 2))


def test_a_neuron_without_a_drawing_is_refused_and_the_error_says_how_to_register_one():
    with pytest.raises(NIRError, match=r"NIR401: '0' \(Circuit\).*snn_nir.register\(Circuit, draw\)"):
        to_nir(nn.Sequential(circuit()(2.0, init_hidden=True)), torch.zeros(1, 2))


def test_the_last_drawing_of_a_class_counts_as_in_a_notebook_cell_that_is_run_again():
    kind = circuit()
    register(kind, lambda neuron, drawing: drawing.membrane(0.5))
    register(kind, draw_circuit)
    fires_alike(kind(3.0, threshold=0.3, init_hidden=True))


@pytest.mark.parametrize(
    ("neuron", "draw", "text"),
    [
        (nn.Linear, draw_circuit, r"neuron is <class .*Linear'>; pass a class of spiking neurons, such as snn.Leaky"),
        ("Leaky", draw_circuit, r"neuron is 'Leaky'; pass a class of spiking neurons"),
        (snn.Leaky(0.9), draw_circuit, r"neuron is Leaky\(beta=0.9.*\); pass a class .*type\(neuron\)"),
        (snn.StateLeaky, draw_circuit, r"StateLeaky takes all time steps at once; .* one step"),
        (snn.SpikingNeuron, draw_circuit, r"SpikingNeuron has no equation; pass a class that defines integrate"),
        (Adaptive, "mem", r"draw is 'mem'; pass a function draw\(neuron, drawing\)"),
    ],
)
def test_invalid_registrations_are_refused(neuron, draw, text):
    with pytest.raises(TypeError, match=f"^register: {text}"):
        register(neuron, draw)


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (lambda neuron, drawing: None, "its drawing returns None; return a dict of signals with 'spk'"),
        (lambda neuron, drawing: {"mem": drawing.input}, "its drawing returns .*; return a dict of signals with 'spk'"),
        (
            lambda neuron, drawing: {"spk": drawing.input, "rise": drawing.input},
            "its drawing returns 'rise', not a state",
        ),
        (lambda neuron, drawing: {"spk": drawing.input, "mem": 1}, "its drawing returns .*; return a dict of signals"),
        (lambda neuron, drawing: {"spk": drawing.add("a", 3)}, "3 is not a node; pass one such as nir.LI"),
        (lambda neuron, drawing: {"spk": drawing.scale("a", 2.0, "mem")}, "'mem' is not a signal"),
    ],
)
def test_errors_in_a_drawing_are_reported_with_the_neurons_name(draw, text):
    kind = circuit()
    register(kind, draw)
    with pytest.raises(TypeError, match=rf"^'0' \(Circuit\): {text}"):
        to_nir(nn.Sequential(kind(2.0, init_hidden=True)), torch.zeros(1, 2))


def test_a_drawing_leaves_out_as_the_caller_of_the_export_says():
    net = nn.Sequential(Adaptive(0.9, 0.95, 0.5, reset_delay=False, init_hidden=True))
    with pytest.raises(NIRError, match=r"NIR402: '0' \(Adaptive\).*it resets otherwise; keep the default reset"):
        to_nir(net, torch.zeros(1, 2))
    with pytest.warns(NIRWarning, match="it resets otherwise"):
        to_nir(net, torch.zeros(1, 2), on_unsupported="drop")


def test_a_state_that_a_drawing_does_not_give_is_refused_where_it_is_used():
    class Rises(nn.Module):
        def __init__(self):
            super().__init__()
            self.neuron = Adaptive(0.9, 0.95, 0.5, init_hidden=True, output=True)

        def forward(self, x):
            return self.neuron(x)[2]

    with pytest.raises(NIRError, match=r"NIR406: 'neuron' .*the state 'rise'"):
        to_nir(Rises(), torch.zeros(1, 2))


def test_a_neuron_of_one_node_bears_the_name_of_its_module():
    kind = circuit()

    def draw(neuron, drawing):
        unit = drawing.constant(1.0)
        return {"spk": drawing.add("", nir.IF(r=unit / drawing.dt, v_threshold=unit), drawing.input)}

    register(kind, draw)
    graph = to_nir(nn.Sequential(kind(2.0, init_hidden=True)), torch.zeros(1, 2), dt=1e-3)
    assert sorted(graph.nodes) == ["0", "input", "output"]
    assert graph.nodes["0"].r.tolist() == [1000.0, 1000.0]
    assert read_metadata(graph.nodes["0"])["class"] == "Circuit"
