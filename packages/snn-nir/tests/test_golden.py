"""Graphs of the NIR paper, rebuilt, against what was published of them."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import snn_core as snn
from snn_nir import from_nir

from .graphs import DT, full, lif
from .reference import simulate

PULSES = [60, 220, 270, 310, 320, 350, 370, 400, 410, 430, 440, 450, 460, 470, 480, 490, 500, 510, 520, 530]
PULSES += [670, 680, 690, 700, 710, 720, 730, 740, 750, 760, 770, 780, 840, 850]
SPIKES = [460, 510, 710, 760]


def published(method):
    """The leaky neuron of the paper's first figure, 1000 steps: input, membrane after the reset, spikes."""
    tau, threshold, xs = 2.5e-3, 0.1, np.zeros(1000)
    xs[PULSES] = 1
    keeps = 1 - DT / tau if method == "euler" else np.exp(-DT / tau)
    last, membrane = 0, np.zeros(1000)
    for t in range(1000):
        pulses = [p for p in PULSES if last <= p <= t]
        membrane[t] = (1 - keeps) * sum(keeps ** (t - p) for p in pulses)
        if membrane[t] > threshold:
            membrane[t], last = 0, t + 1
    return xs, membrane


@pytest.mark.parametrize("method", ["euler", "exact"])
@pytest.mark.parametrize("simplify", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_leaky_neuron_of_the_paper(method, simplify, dtype):
    unit = np.ones(1, dtype)
    neuron = lif(1)
    for field in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
        setattr(neuron, field, getattr(neuron, field).astype(dtype))
    graph = nir.NIRGraph.from_list(nir.Affine(unit[None], 0 * unit), neuron)
    net = from_nir(graph, dt=DT, method=method, simplify=simplify)
    xs, membrane = published(method)
    state, mem, spk = None, [], []
    for x in torch.tensor(xs.astype(dtype)):
        y, state = net.step(x.view(1, 1), state)
        mem.append(state.nodes["lif"].mem.item())
        spk.append(y.item())
    assert np.flatnonzero(spk).tolist() == SPIKES
    np.testing.assert_allclose(mem, membrane, atol=2e-7 if dtype == np.float32 else 1e-12)


# what the paper's repository lists for Norse, and for Nengo times 0.1
LISTED = {
    "euler": {60: 0.04, 70: 0.026593303, 100: 0.007814645, 459: 0.06914552, 460: 0.0, 511: 0.0},
    "exact": {60: 0.03921056112, 70: 0.0262836249, 100: 0.00791647548, 459: 0.06910253353, 460: 0.0, 511: 0.0},
}


@pytest.mark.parametrize("method", LISTED)
def test_the_closed_form_is_what_the_paper_lists(method):
    _, membrane = published(method)
    assert {t: membrane[t] for t in LISTED[method]} == pytest.approx(LISTED[method], abs=5e-8)


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("simplify", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_braille_reader_of_the_paper_is_a_recurrent_synaptic_network(reset, simplify, dtype):
    torch.manual_seed(3)
    sizes = {"linear_features": 38, "reset_mechanism": reset, "reset_delay": False, "init_hidden": True}
    hidden = snn.RSynaptic(0.55, 0.9, **sizes)
    out = snn.Synaptic(0.5, 0.55, reset_mechanism=reset, reset_delay=False, init_hidden=True)
    trained = torch.nn.Sequential(torch.nn.Linear(12, 38), hidden, torch.nn.Linear(38, 7), out).to(dtype)
    with torch.no_grad():
        trained[0].weight.mul_(3)
        trained[2].weight.mul_(4)
        hidden.recurrent.bias.add_(0.05)

    def affine(layer):
        return nir.Affine(layer.weight.detach().numpy(), layer.bias.detach().numpy())

    def cuba(n, alpha, beta):
        tau_syn, tau_mem = DT / (1 - alpha), DT / (1 - beta)
        fields = (tau_syn, tau_mem, tau_mem / DT, 0.0, 1.0, 0.0, tau_syn / DT)
        names = ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in")
        return nir.CubaLIF(**{name: full(value, n) for name, value in zip(names, fields, strict=True)})

    nodes = {"input": nir.Input(np.array([12])), "fc1": affine(trained[0]), "lif1.lif": cuba(38, 0.55, 0.9)}
    nodes |= {"lif1.w_rec": affine(hidden.recurrent), "fc2": affine(trained[2]), "lif2": cuba(7, 0.5, 0.55)}
    nodes["output"] = nir.Output(np.array([7]))
    edges = [("input", "fc1"), ("fc1", "lif1.lif"), ("lif1.lif", "lif1.w_rec"), ("lif1.w_rec", "lif1.lif")]
    edges += [("lif1.lif", "fc2"), ("fc2", "lif2"), ("lif2", "output")]
    net = from_nir(nir.NIRGraph(nodes, edges), reset=None if reset == "zero" else reset, simplify=simplify)
    assert (net.time_step.dt, net.time_step.source) == (1e-4, "inferred")
    xs = (torch.rand(256, 4, 12) < 0.04).to(dtype)
    expected = snn.unroll(trained, xs)
    assert expected.sum() > 500
    assert int((snn.unroll(net, xs) != expected).sum()) == 0


def test_the_convolutional_network_of_the_paper_runs_as_its_reference_does():
    rng = np.random.default_rng(0)

    def conv(size, cout, cin, k, stride):
        weight, bias = rng.normal(0.05, 0.3, (cout, cin, k, k)), rng.normal(0, 0.05, cout)
        return nir.Conv2d(size, weight, (stride, stride), (1, 1), (1, 1), 1, bias)

    def fire(*shape):
        return nir.IF(r=full(1.0, shape), v_threshold=full(1.0, shape))

    def pool():
        return nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))

    layers = [conv((14, 14), 3, 2, 5, 2), fire(3, 6, 6), conv((6, 6), 4, 3, 3, 1), fire(4, 6, 6), pool()]
    layers += [conv((3, 3), 2, 4, 3, 1), fire(2, 3, 3), nir.Flatten({"input": np.array([2, 3, 3])}, 0, -1)]
    layers += [nir.Affine(rng.normal(0.1, 0.3, (8, 18)), full(0.0, 8)), fire(8)]
    graph = nir.NIRGraph(
        {
            "input": nir.Input(np.array([2, 14, 14])),
            **{str(i): n for i, n in enumerate(layers)},
            "output": nir.Output(None),
        },
        [("input", "0"), *((str(i), str(i + 1)) for i in range(len(layers) - 1)), (str(len(layers) - 1), "output")],
        type_check=False,
    )
    xs = (rng.random((12, 2, 2, 14, 14)) < 0.2).astype(float)
    expected = simulate(graph, xs, 1.0)["output"]
    net = from_nir(graph, dt=1)
    ys, plan = snn.unroll(net, torch.tensor(xs), explain=True)
    assert expected.any()
    assert plan.kind == "layers"
    np.testing.assert_array_equal(ys.detach().numpy(), expected)
