"""The graph of a neuron, run by a simulator that knows nothing of its metadata, fires when the neuron does."""

from __future__ import annotations

import math
from contextlib import nullcontext
from itertools import product

import nir
import numpy as np
import pytest
import torch
from torch import nn

import snn_core as snn
from snn_nir import NIRError, from_nir
from snn_nir.checking.fidelity import fidelity
from snn_nir.exporting import to_nir

from .exportable import CASES, FEATURES, build_neuron, closing, looped
from .reference import simulate

STEPS = 60


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(3)


# 1 - 2^-53 a step: the simulator's way to write the exact step, the end and what is missing to it, cancels there
CANCELS = [(case, "exact") for case in CASES if case.startswith("leaky_clamped")]


@pytest.mark.parametrize(("case", "method"), [c for c in product(CASES, ("euler", "exact")) if c not in CANCELS])
def test_a_reader_of_plain_nir_gets_every_spike(case, method):
    neuron = build_neuron(case).double()
    graph = to_nir(neuron, torch.zeros(1, FEATURES, dtype=torch.float64), method=method)
    xs = torch.rand(STEPS, 3, FEATURES, dtype=torch.float64)
    expected = torch.stack(looped(neuron, xs)).numpy()
    result = simulate(graph, xs.numpy(), 1e-4, method, late=closing(graph))["output"]
    assert expected.any() or "memory" in case
    np.testing.assert_array_equal(result, expected)


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", CASES)
def test_membranes_of_plain_nir_are_those_of_the_neuron_after_the_reset(case):
    neuron = build_neuron(case).double()
    xs = torch.rand(200, 3, FEATURES, dtype=torch.float64)
    plain = fidelity(neuron, to_nir(neuron, xs[0]), xs, metadata=False)
    assert plain.identical
    assert plain.largest_difference < 1e-10


@pytest.mark.parametrize(("case", "method"), CANCELS)
def test_a_decay_that_is_one_for_some_neurons_is_exact_where_a_step_is_a_product(case, method):
    neuron = build_neuron(case).double()
    xs = torch.rand(STEPS, 3, FEATURES, dtype=torch.float64)
    plain = fidelity(neuron, to_nir(neuron, xs[0], method=method), xs, metadata=False)
    assert plain.identical
    assert plain.largest_difference < 1e-12


@pytest.mark.parametrize("reset", [{"reset_mechanism": "subtract"}, {"reset_mechanism": "none"}])
def test_a_conv_neuron_with_constants_per_channel_and_recurrence_is_exact(reset):
    beta = torch.tensor([0.5, 0.9]).reshape(2, 1, 1)
    neuron = snn.RLeaky(beta=beta, conv2d_channels=2, kernel_size=(3, 1), init_hidden=True, **reset).double()
    xs = torch.rand(STEPS, 2, 2, 5, 3, dtype=torch.float64)
    graph = to_nir(neuron, xs[0])
    assert graph.nodes["rleaky.mem"].tau.shape == (2, 5, 3)
    result = simulate(graph, xs.numpy(), 1e-4, late=closing(graph))["output"]
    np.testing.assert_array_equal(result, torch.stack(looped(neuron, xs)).numpy())


@pytest.mark.parametrize("kind", ["leaky", "synaptic"])
@pytest.mark.parametrize("at_once", [False, True])
def test_the_membrane_of_a_subtracting_neuron_is_the_sum_that_leaves_the_graph(kind, at_once):
    class Readout(nn.Module):
        def __init__(self):
            super().__init__()
            options = {"reset_delay": not at_once, "init_hidden": True, "output": True}
            self.lif = snn.Leaky(0.9, **options) if kind == "leaky" else snn.Synaptic(0.5, 0.9, **options)

        def forward(self, x):
            return self.lif(x)[-1]

    net = Readout().double()
    xs = torch.rand(STEPS, 2, FEATURES, dtype=torch.float64)
    graph = to_nir(net, xs[0])
    result = simulate(graph, xs.numpy(), 1e-4, late=closing(graph))["output"]
    np.testing.assert_allclose(result, torch.stack(looped(net, xs)).numpy(), atol=1e-12)


BETAS = torch.tensor([0.25, 0.5, 0.9, 0.99], dtype=torch.float64)


@pytest.mark.parametrize("method", ["euler", "exact"])
@pytest.mark.parametrize("beta", [0.0, 0.9, 1.0, BETAS], ids=["0", "0.9", "1", "per neuron"])
def test_the_node_of_a_read_out_computes_its_membranes(beta, method):
    readout = snn.Readout(beta).double()
    xs = torch.randn(STEPS, 3, FEATURES, dtype=torch.float64)
    graph = to_nir(readout, xs[0], method=method)
    assert [*graph.nodes] == ["input", "readout", "output"]
    result = simulate(graph, xs.numpy(), 1e-4, method)["output"]
    np.testing.assert_allclose(result, snn.unroll(readout, xs).numpy(), rtol=0, atol=1e-12)


def test_a_read_out_is_the_equation_of_a_leaky_integrator():
    readout = snn.Readout(BETAS)
    node = to_nir(readout, torch.zeros(1, 4, dtype=torch.float64), dt=1e-3).nodes["readout"]
    assert isinstance(node, nir.LI)
    # tau dv/dt = (v_leak - v) + r x, by forward Euler, is beta v + x
    np.testing.assert_allclose(1 - 1e-3 / node.tau, BETAS.numpy(), rtol=1e-12)
    np.testing.assert_allclose(1e-3 / node.tau * node.r, 1, rtol=1e-12)
    assert not node.v_leak.any()


@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("beta", [0.9, 1.0, BETAS], ids=["0.9", "1", "per neuron"])
def test_a_read_out_comes_back_as_it_was(beta, learn, tmp_path):
    net = nn.Sequential(nn.Linear(3, 4), snn.Readout(beta, learn_beta=learn)).double()
    xs = torch.randn(STEPS, 2, 3, dtype=torch.float64)
    nir.write(tmp_path / "net.nir", to_nir(net, xs[0]))
    again = from_nir(tmp_path / "net.nir")
    assert type(again["1"]) is snn.Readout
    assert torch.equal(again["1"].beta, net[1].beta)
    assert isinstance(again["1"].beta, nn.Parameter) == learn
    assert torch.equal(snn.unroll(again, xs), snn.unroll(net, xs))


@pytest.mark.parametrize("method", ["euler", "exact"])
def test_a_leaky_integrator_of_nir_becomes_a_read_out_with_its_membranes(method):
    tau, r = np.array([2e-3, 5e-3, 1e-2]), np.array([1.0, 5.0, 10.0])
    node = nir.LI(tau=tau, r=r, v_leak=np.zeros(3))
    net = from_nir(nir.NIRGraph.from_list(nir.Linear(np.eye(3)), node), dt=1e-3, method=method)
    assert [type(module).__name__ for module in net.children()] == ["Linear", "Scale", "Readout"]
    xs = torch.randn(STEPS, 2, 3, dtype=torch.float64)
    rise = 1e-3 / tau if method == "euler" else 1 - np.exp(-1e-3 / tau)
    v, expected = np.zeros((2, 3)), []
    for x in xs.numpy():
        v = v + rise * (r * x - v)
        expected.append(v)
    np.testing.assert_allclose(snn.unroll(net, xs).detach().numpy(), expected, rtol=0, atol=1e-12)


def test_membranes_that_a_loop_passes_on_are_one_node():
    class Looped(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.readout = nn.Linear(3, 2), snn.Readout(0.8, init_hidden=False)

        def forward(self, xs):
            mem, mems = None, []
            for x in xs:
                mem = self.readout(self.layer(x), mem)
                mems.append(mem)
            return torch.stack(mems)

    net, xs = Looped().double(), torch.randn(7, 2, 3, dtype=torch.float64)
    graph = to_nir(net, xs)
    assert [*graph.nodes] == ["input", "layer", "readout", "output"]
    np.testing.assert_allclose(simulate(graph, xs.numpy(), 1e-4)["output"], net(xs).detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("method", ["euler", "exact"])
def test_time_constants_of_a_leaky_neuron_are_those_of_the_formulas(method):
    node = to_nir(snn.Leaky(beta=0.9, reset_mechanism="zero").double(), torch.zeros(1, 2).double(), method=method)
    lif = node.nodes["leaky"]
    beta = float(torch.tensor(0.9))
    tau = 1e-4 / (1 - beta) if method == "euler" else -1e-4 / math.log(beta)
    assert isinstance(lif, nir.LIF)
    np.testing.assert_allclose(lif.tau, [tau, tau], rtol=1e-15)
    np.testing.assert_allclose(lif.r, 1 / (1 - beta), rtol=1e-15)
    assert not lif.v_leak.any()
    assert not lif.v_reset.any()
    assert lif.v_threshold.tolist() == [1.0, 1.0]


def test_lapicque_is_its_own_resistance_and_time_constant():
    neuron = snn.Lapicque(R=5.0, C=3e-3, time_step=1e-3, reset_mechanism="zero")
    lif = to_nir(neuron, torch.zeros(1, 2), dt=1e-3).nodes["lapicque"]
    np.testing.assert_allclose(lif.tau, 5.0 * 3e-3, rtol=1e-6)
    np.testing.assert_allclose(lif.r, 5.0, rtol=1e-6)


def test_the_currents_of_alpha_differ_by_their_time_constants_and_sign():
    graph = to_nir(snn.Alpha(0.9, 0.8, reset_mechanism="none").double(), torch.zeros(1, 1).double(), method="exact")
    alpha, beta = (float(torch.tensor(v)) for v in (0.9, 0.8))
    tau_s, tau_m = -1e-4 / math.log(alpha), -1e-4 / math.log(beta)
    factor = tau_s / (tau_s - tau_m)
    exc, inh = graph.nodes["alpha.exc"], graph.nodes["alpha.inh"]
    np.testing.assert_allclose([exc.tau[0], inh.tau[0]], [tau_s, tau_m], rtol=1e-12)
    np.testing.assert_allclose([exc.r[0], inh.r[0]], [factor / (1 - alpha), -factor / (1 - beta)], rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reset", ["zero", "none", "subtract"])
def test_a_spike_of_one_does_not_lift_a_membrane_above_a_threshold_of_one(dtype, reset):
    beta = torch.linspace(0.001, 0.999, 400, dtype=dtype)
    net = nn.Sequential(snn.Synaptic(1 - beta, beta, reset_mechanism=reset, init_hidden=True)).to(dtype)
    xs = (torch.rand(1, 3, 400) < 0.5).to(dtype)
    plain = fidelity(net, to_nir(net, xs[0]), xs, metadata=False)
    assert plain.spikes["0"] == (0, 0, 0)
    assert plain.largest_difference == 0


@pytest.mark.parametrize(
    ("neuron", "kinds"),
    [
        (snn.Leaky(1.0, reset_mechanism="zero"), {"IF"}),
        (snn.Leaky(1.0, reset_mechanism="none"), {"I", "Threshold"}),
        (snn.Leaky(0.9, reset_mechanism="none"), {"LI", "Threshold"}),
        (snn.Leaky(0.9), {"LI", "Threshold", "Scale"}),
        (snn.Synaptic(0.5, 0.9, reset_mechanism="zero"), {"CubaLIF"}),
        (snn.Synaptic(0.5, 0.9, reset_mechanism="none"), {"CubaLI", "Threshold"}),
        (snn.Synaptic(0.5, 1.0, reset_mechanism="zero"), {"LI", "IF"}),
        (snn.RLeaky(0.9, linear_features=3, reset_mechanism="zero"), {"LIF", "Affine"}),
        (snn.RLeaky(0.9, V=0.5, all_to_all=False, reset_mechanism="zero"), {"LIF", "Scale"}),
    ],
)
def test_each_neuron_has_its_nodes(neuron, kinds):
    graph = to_nir(neuron, torch.zeros(1, 3))
    assert {type(n).__name__ for n in graph.nodes.values()} - {"Input", "Output"} == kinds


@pytest.mark.parametrize("decay", [0.0, 1e-30, 0.3, 0.999999, 1.0, 1.7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("method", ["euler", "exact"])
def test_a_time_constant_gives_its_decay_back_within_rounding(decay, dtype, method):
    beta = torch.tensor([decay, 0.5], dtype=dtype)
    with pytest.warns(UserWarning, match="clamped") if decay > 1 else nullcontext():
        neuron = snn.Leaky(beta, reset_mechanism="zero")
    lif = to_nir(neuron, torch.zeros(1, 2, dtype=dtype), method=method).nodes["leaky"]
    tau = lif.tau.astype(np.float64)
    back = 1 - 1e-4 / tau if method == "euler" else np.exp(-1e-4 / tau)
    eps = torch.finfo(dtype).eps
    np.testing.assert_allclose(back, beta.clamp(0, 1).double().numpy(), atol=2 * eps)
    assert (back >= 0).all()
    np.testing.assert_allclose(lif.r * (1 - back), 1.0, rtol=1e-2 if decay == 0.999999 else 1e-6)


def test_options_that_nir_has_no_word_for_are_refused():
    for option, text in (({"inhibition": True}, "inhibition=True"), ({"state_quant": torch.round}, "state_quant=")):
        with pytest.raises(NIRError, match=rf"NIR402: 'leaky' \(Leaky\): .*{text}"):
            to_nir(snn.Leaky(0.9, **option), torch.zeros(1, 3))
    with snn.peer.following():
        drops = snn.Lapicque(0.9, reset_mechanism="zero")
    with pytest.raises(NIRError, match=r"NIR402: 'lapicque' \(Lapicque\): .*drops_input=True: a reset to zero clears"):
        to_nir(drops, torch.zeros(1, 3))
    with pytest.raises(NIRError, match=r"NIR402: 'alpha' \(Alpha\): .*reset_mechanism='zero' clears both currents"):
        to_nir(snn.Alpha(0.9, 0.8), torch.zeros(1, 3))


def test_a_recurrent_neuron_that_fires_at_rest_is_refused_where_its_graph_would_feed_that_back():
    with pytest.raises(NIRError, match=r"NIR402: .*threshold of -0.5 with recurrence"):
        to_nir(snn.RLeaky(0.9, linear_features=2, threshold=-0.5), torch.zeros(1, 2))


def test_lapicque_with_a_negative_decay_needs_the_euler_method():
    neuron = snn.Lapicque(beta=0.2, init_hidden=True).double()  # decays by 1 - ln 5
    xs = torch.rand(STEPS, 2, 3, dtype=torch.float64)
    graph = to_nir(neuron, xs[0])
    result = simulate(graph, xs.numpy(), 1e-4, late=closing(graph))["output"]
    np.testing.assert_array_equal(result, torch.stack(looped(neuron, xs)).numpy())
    with pytest.raises(NIRError, match=r"NIR402: .*a decay of -0.609438 per step.*method='euler'"):
        to_nir(neuron, xs[0], method="exact")
    with pytest.raises(NIRError, match=r"NIR402: .*infinite capacitance"):
        to_nir(snn.Lapicque(beta=1.0), torch.zeros(1, 2))


def test_a_constant_that_fits_no_neuron_is_refused():
    with pytest.raises(NIRError, match=r"NIR402: .*constant of shape \(2, 3\) for neurons of shape \(3,\)"):
        to_nir(snn.Leaky(torch.full((2, 3), 0.5)), torch.zeros(2, 3))
