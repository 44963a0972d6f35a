"""Tests of what the metadata of a graph says about its neurons."""

from __future__ import annotations

import contextlib
import warnings

import nir
import numpy as np
import pytest
import torch

import snn_core as snn
from snn_nir import NIRError, NIRWarning, from_nir, to_nir

from .graphs import DT, chain, cuba, full, lif, recurrent, spread
from .simplified import TAU, THR, R, kinds, li, metadata_of, same, spikes


def test_recorded_constants_come_back_exactly_and_in_their_shape():
    record = metadata_of(beta=0.9, threshold=THR, learned="beta", reset="zero", reset_delay=True)
    node = lif(tau=DT / 0.1, r=10.0, thr=THR)
    for field in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
        setattr(node, field, getattr(node, field).astype(np.float32))
    node.metadata = record
    neuron = from_nir(chain(node, shape=(5,)), dt=DT)["n0"]
    assert (neuron.beta.shape, neuron.threshold.shape) == ((), ())
    assert neuron.beta.item() == pytest.approx(0.9, abs=1e-7)
    assert isinstance(neuron.beta, torch.nn.Parameter)
    assert not isinstance(neuron.threshold, torch.nn.Parameter)
    assert neuron.reset_delay


def test_an_edited_node_counts_more_than_its_record():
    node = lif(tau=2 * TAU, r=2 * R, thr=THR)
    node.metadata = metadata_of(beta=0.9, threshold=THR)
    with pytest.warns(NIRWarning, match=r"NIR304: node 'n0': .*beta was \[0.9\] and is \[0.95 0.95 0.95\]"):
        net = from_nir(chain(node, shape=(5,)), dt=DT)
    assert net["n0"].beta.item() == pytest.approx(0.95)


@pytest.mark.parametrize("beta", [0.9, 0.9999, 0.99999])
def test_an_edited_time_constant_counts_also_where_little_decays(beta):
    graph = to_nir(snn.Leaky(beta, reset_mechanism="zero", init_hidden=True), torch.zeros(1, 2))
    node = graph.nodes["leaky"]
    node.tau, node.r = node.tau * np.float32(1.2), node.r * np.float32(1.2)
    with pytest.warns(NIRWarning, match="NIR304: node 'leaky': .*beta was"):
        net = from_nir(graph)
    assert kinds(net) == ["Leaky"]
    assert 1 - net["leaky"].beta.double().item() == pytest.approx((1 - beta) / 1.2, rel=5e-3)


def test_another_step_than_the_recorded_one_counts_for_every_decay():
    graph = to_nir(snn.Leaky(torch.tensor([0.6, 0.9, 0.99999]), init_hidden=True), torch.zeros(1, 3), dt=1e-4)
    with pytest.warns(NIRWarning, match="NIR304"):
        beta = from_nir(graph, dt=2e-4)["leaky"].beta
    torch.testing.assert_close(beta, torch.tensor([0.2, 0.8, 0.99998]), rtol=0, atol=1e-7)


def test_a_small_threshold_that_was_edited_counts():
    graph = to_nir(snn.Leaky(0.9, threshold=2e-6, reset_mechanism="zero", init_hidden=True), torch.zeros(1, 1))
    graph.nodes["leaky"].v_threshold *= 4
    with pytest.warns(NIRWarning, match="NIR304: node 'leaky': .*threshold was"):
        assert from_nir(graph)["leaky"].threshold.item() == pytest.approx(8e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("method", ["euler", "exact"])
@pytest.mark.parametrize("dt", [1e-4, 1.0, 3.3e-7])
def test_every_decay_that_was_not_edited_comes_back_exactly(dt, method, dtype):
    finest = 7.2 if dtype == torch.float32 else 15.9
    below = 1 - torch.logspace(-0.5, -finest, 60, dtype=dtype)
    beta = torch.cat([below, torch.tensor([0.0, 0.3, 1.0], dtype=dtype)])
    net = snn.Synaptic(beta.flip(0), beta, init_hidden=True).to(dtype)
    back = from_nir(to_nir(net, torch.zeros(1, len(beta), dtype=dtype), dt=dt, method=method))["synaptic"]
    assert torch.equal(back.alpha, net.alpha)
    assert torch.equal(back.beta, net.beta)


@pytest.mark.parametrize("shape", [(1, 3), (1, 1)])
def test_a_constant_with_an_axis_for_the_batch_comes_back(shape):
    beta = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    net = snn.Leaky(beta, reset_mechanism="zero", init_hidden=True)
    assert torch.equal(from_nir(to_nir(net, torch.zeros(1, 3)))["leaky"].beta, beta)


@pytest.mark.parametrize("beta", ["fast", np.ones((2, 3)), np.full(4, 0.9)])
def test_a_record_that_makes_no_sense_is_left_out(beta):
    node = lif(tau=TAU, r=R, thr=THR)
    node.metadata = metadata_of(beta=beta)
    with pytest.warns(NIRWarning, match="NIR304"):
        assert from_nir(chain(node, shape=(5,)), dt=DT)["n0"].beta.item() == 0.9


@pytest.mark.parametrize("simplify", [True, False])
def test_the_recorded_surrogate_comes_back(simplify):
    node = lif(tau=TAU, r=R, thr=THR)
    node.metadata = metadata_of(spike_grad="fast_sigmoid", spike_grad_params=np.array([7.0]))
    net = from_nir(chain(node, shape=(5,)), dt=DT, simplify=simplify)
    assert net["n0"].spike_grad == snn.surrogate.fast_sigmoid(7)


@pytest.mark.parametrize("height", [None, 2.5])
def test_a_triangle_comes_back_with_its_height(height):
    triangle = snn.surrogate.triangular(0.5, height=height)
    net = snn.Leaky(0.9, spike_grad=triangle, init_hidden=True)
    assert from_nir(to_nir(net, torch.zeros(1, 3)))["leaky"].spike_grad == triangle


@pytest.mark.parametrize("name", ["os.system", "custom_surrogate", "Surrogate", "atanh"])
def test_a_surrogate_that_is_none_is_left_out(name):
    node = lif(tau=TAU, r=R, thr=THR)
    node.metadata = metadata_of(spike_grad=name)
    with pytest.warns(NIRWarning, match="NIR304: node 'n0': .*no surrogate"):
        assert from_nir(chain(node, shape=(5,)), dt=DT)["n0"].spike_grad == snn.surrogate.atan()


@pytest.mark.parametrize("simplify", [True, False])
@pytest.mark.parametrize("delay", [True, False])
def test_a_reset_that_only_the_metadata_tells_is_honored(simplify, delay):
    node = lif(tau=TAU, r=R, thr=THR)
    node.metadata = metadata_of(reset="subtract", reset_delay=delay)
    net = from_nir(chain(spread(), node), dt=DT, simplify=simplify)
    neuron = snn.Leaky(0.9, THR, reset_mechanism="subtract", reset_delay=delay)
    expected = neuron.unroll(net["n0"](spikes()))[0]
    assert torch.equal(snn.unroll(net, spikes()), expected)


@pytest.mark.parametrize("simplify", [True, False])
def test_the_caller_may_know_the_reset_better(simplify):
    graph = recurrent(cuba(r=R, w=5.0))
    zero, subtract = (
        from_nir(graph, dt=DT, simplify=simplify, reset=r).unroll(spikes())[0] for r in (None, "subtract")
    )
    emulated = snn.RSynaptic(0.8, 0.9, linear_features=5, reset_mechanism="subtract", reset_delay=False).double()
    with torch.no_grad():
        emulated.recurrent.weight.copy_(torch.tensor(graph.nodes["w_rec"].weight))
        emulated.recurrent.bias.copy_(torch.tensor(graph.nodes["w_rec"].bias))
    fc = graph.nodes["fc"]
    driven = spikes() @ torch.tensor(fc.weight).T + torch.tensor(fc.bias)
    assert torch.equal(subtract, emulated.unroll(driven)[0])
    assert not torch.equal(subtract, zero)


@pytest.mark.parametrize("node", [lif(3), li(3), nir.Scale(full(2.0, 3))])
def test_an_unknown_reset_is_refused(node):
    with pytest.raises(NIRError, match="NIR305: from_nir: an unknown reset: reset is 'soft'; use 'zero', 'subtract'"):
        from_nir(chain(node), dt=DT, reset="soft")


def test_an_unknown_reset_of_a_node_is_refused():
    node = lif(3)
    node.metadata = metadata_of(reset="soft")
    with pytest.raises(NIRError, match="NIR305: node 'n0': an unknown reset: 'soft'; use 'zero', 'subtract'"):
        from_nir(chain(node), dt=DT)


def group(**parts):
    """One neuron as several nodes, all of which say so."""
    for part, node in parts.items():
        node.metadata = {"snn_nir": {**node.metadata.get("snn_nir", {}), "group": "cell", "part": part}}
    return parts


def test_a_recorded_current_and_graded_factor_join_their_neuron():
    mem = li(metadata=metadata_of(alpha=0.8, beta=0.9, graded=1.5, threshold=THR))
    parts = group(syn=li(tau=5e-4, r=5.0), mem=mem, spk=nir.Threshold(full(THR)), graded=nir.Scale(full(1.5)))
    net = same(chain(spread(), *parts.values()), exact=False)
    assert kinds(net) == ["Linear", "Synaptic"]
    assert net["cell"].alpha.item() == 0.8
    assert net["cell"].graded_spikes_factor.item() == 1.5


def test_unrecorded_they_stay_apart():
    net = same(chain(spread(), li(tau=5e-4, r=5.0), li(), nir.Threshold(full(THR)), nir.Scale(full(1.5))), exact=False)
    assert kinds(net) == ["Linear", "Readout", "Leaky", "Scale"]


@pytest.mark.parametrize("expected", [("Lapicque", True), ("Leaky", False)])
def test_a_recorded_circuit_is_a_lapicque(expected):
    kind, agrees = expected
    node = lif(tau=TAU, r=2.0, thr=0.2, leak=0)  # gain 0.2
    circuit = {"R": 2.0, "C": TAU / 2 if agrees else TAU, "time_step": DT}
    node.metadata = metadata_of(**{"class": "Lapicque"}, **circuit)
    with contextlib.nullcontext() if agrees else pytest.warns(NIRWarning, match="NIR304: node 'n1': .*Lapicque"):
        net = same(chain(spread(), node), exact=False)
    assert kinds(net)[-1] == kind


@pytest.mark.parametrize(("more", "derived"), [({}, "C"), ({"R": 2.0}, "C"), ({"C": 1e3}, "R")])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_a_circuit_that_learned_beta_goes_on_learning_it(reset, more, derived):
    neuron = snn.Lapicque(0.9, learn_beta=True, threshold=THR, reset_mechanism=reset, init_hidden=True, **more)
    with torch.no_grad():
        neuron.beta.copy_(torch.tensor(0.8))
    (twin,) = from_nir(to_nir(neuron, torch.zeros(1, 3))).neurons.values()
    assert [name for name, _ in twin.named_parameters()] == ["beta"]
    xs = torch.rand(20, 2, 3, generator=torch.Generator().manual_seed(0)) * (1e3 if derived == "R" else 5)
    spk, states = neuron.unroll(xs, trace=True)
    assert spk.any()
    torch.testing.assert_close(twin.unroll(xs, trace=True), (spk, states), rtol=0, atol=0)
    for module, mem in ((neuron, states.mem), (twin, twin.unroll(xs, trace=True)[1].mem)):
        mem.sum().backward()
        assert module.beta.grad.any()
    assert torch.equal(twin.beta.grad, neuron.beta.grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("beta", [0.4, 0.8, 0.93, 0.99])
def test_a_beta_that_was_learned_in_any_dtype_goes_on_learning(beta, dtype):
    neuron = snn.Lapicque(beta, learn_beta=True, reset_mechanism="zero", init_hidden=True).to(dtype)
    twin = from_nir(to_nir(neuron, torch.zeros(1, 3, dtype=dtype)))  # warnings are errors
    (learned,) = twin.parameters()
    assert learned.item() == neuron.beta.item()


@pytest.mark.parametrize("beta", ["fast", 0.5, 0.0, np.full(4, 0.9)])
def test_a_recorded_beta_that_is_not_that_of_the_circuit_is_reported_and_not_used(beta):
    neuron = snn.Lapicque(0.9, learn_beta=True, threshold=THR, reset_mechanism="zero", init_hidden=True)
    graph = to_nir(neuron, torch.zeros(1, 3))
    graph.nodes["lapicque"].metadata["snn_nir"]["beta"] = beta
    with pytest.warns(NIRWarning, match="NIR304: node 'lapicque': .*the learned beta of a Lapicque"):
        twin = from_nir(graph)
    assert kinds(twin) == ["Lapicque"]
    assert list(twin.named_parameters()) == []
    xs = torch.rand(20, 2, 3, generator=torch.Generator().manual_seed(0)) * 5
    assert torch.equal(twin.unroll(xs)[0], neuron.unroll(xs)[0])


def test_an_edited_circuit_of_one_value_a_neuron_counts():
    neuron = snn.Lapicque(R=torch.full((1, 3), 5.0), C=torch.full((1, 3), 2.0), reset_mechanism="zero")
    graph = to_nir(neuron, torch.zeros(1, 3))
    assert kinds(from_nir(graph)) == ["Lapicque"]
    graph.nodes["lapicque"].tau *= 2
    with pytest.warns(NIRWarning, match="NIR304: node 'lapicque': .*R, C and time step of a Lapicque"):
        assert "Lapicque" not in kinds(from_nir(graph))


def test_an_inhibitory_current_that_vanishes_at_once_is_that_of_an_alpha():
    neuron = snn.Alpha(0.9, 0.0, reset_mechanism="subtract", init_hidden=True)
    net = from_nir(to_nir(neuron, torch.zeros(1, 2)))
    assert kinds(net) == ["Alpha"]
    assert net["alpha"].beta.item() == 0


def test_an_alpha_whose_reset_was_removed_has_none():
    graph = to_nir(snn.Alpha(0.9, 0.8, reset_mechanism="subtract", init_hidden=True), torch.zeros(1, 2))
    del graph.nodes["alpha.reset"]
    graph.edges = [edge for edge in graph.edges if "alpha.reset" not in edge]
    with pytest.warns(NIRWarning, match="NIR304: node 'alpha.exc': .*Alpha"):
        assert "Alpha" not in kinds(from_nir(graph))


@pytest.mark.parametrize("delay", [True, False])
@pytest.mark.parametrize("edited", [False, True])
def test_a_recorded_alpha_comes_back_unless_it_was_edited(delay, edited):
    alpha, beta = 0.9, 0.8
    tau = np.log(alpha) / (np.log(beta) - np.log(alpha)) + 1
    record = {
        "class": "Alpha",
        "alpha": alpha,
        "beta": beta,
        "threshold": THR,
        "reset": "subtract",
        "reset_delay": delay,
    }
    amount = (1 if delay else alpha) * THR / tau
    exc = li(tau=DT / (1 - alpha), r=tau / (1 - alpha), metadata=metadata_of(**record))
    parts = group(
        exc=exc,
        inh=li(tau=DT / (1 - beta), r=-tau / (1 - beta) * (1.1 if edited else 1)),
        spk=nir.Threshold(full(THR)),
        reset=nir.Scale(full(-amount)),
    )
    nodes = {"input": nir.Input(np.array([3])), "fc": spread(), **parts, "output": nir.Output(None)}
    edges = [("input", "fc"), ("fc", "exc"), ("fc", "inh"), ("exc", "spk"), ("inh", "spk")]
    edges += [("spk", "reset"), ("reset", "exc"), ("spk", "output")]
    with pytest.warns(NIRWarning, match="NIR304: node 'exc': .*Alpha") if edited else contextlib.nullcontext():
        net = same(nir.NIRGraph(nodes, edges, type_check=False))
    assert ("Alpha" in kinds(net)) != edited
    if not edited:
        assert kinds(net) == ["Linear", "Alpha"]
        assert net["cell"].reset_delay == delay


@pytest.mark.parametrize(
    "make",
    [
        lambda: snn.Leaky(0.9, threshold=0.1, reset_mechanism="zero", init_hidden=True),
        lambda: snn.RLeaky(0.9, threshold=0.1, linear_features=4, graded_spikes_factor=1.5, init_hidden=True),
        lambda: snn.Synaptic(0.8, 0.9, threshold=0.1, init_hidden=True),
        lambda: snn.Alpha(0.9, 0.8, threshold=0.1, reset_mechanism="subtract", init_hidden=True),
    ],
)
def test_neurons_of_nested_graphs_have_the_paths_of_their_graphs(make):
    torch.manual_seed(0)
    layers = [torch.nn.Sequential(torch.nn.Linear(n, 4), make()).double() for n in (3, 4)]
    for layer in layers:
        torch.nn.init.uniform_(layer[0].weight)
    graphs = [to_nir(layer, torch.zeros(1, n).double()) for layer, n in zip(layers, (3, 4), strict=True)]
    ends = {"input": nir.Input(np.array([3])), "output": nir.Output(np.array([4]))}
    edges = [("input", "l1"), ("l1", "l2"), ("l2", "output")]
    net = same(nir.NIRGraph({**ends, **dict(zip(("l1", "l2"), graphs, strict=True))}, edges, type_check=False))
    assert {name: type(neuron) for name, neuron in net.neurons.items()} == dict.fromkeys(
        ("l1.1", "l2.1"), type(layers[0][1])
    )


@pytest.mark.parametrize(
    ("neuron", "name", "entry", "value"),
    [
        (snn.Alpha(0.9, 0.8, reset_mechanism="none", init_hidden=True), "alpha.exc", "alpha", "fast"),
        (snn.Lapicque(0.9, reset_mechanism="zero", init_hidden=True), "lapicque", "R", "large"),
        (snn.Leaky(0.9, reset_mechanism="zero", init_hidden=True), "leaky", "beta", "slow"),
    ],
)
def test_text_where_a_constant_was_recorded_is_reported_and_not_used(neuron, name, entry, value):
    graph = to_nir(neuron, torch.zeros(1, 2))
    graph.nodes[name].metadata["snn_nir"][entry] = value
    with pytest.warns(NIRWarning, match=f"NIR304: node '{name}'"):
        net = from_nir(graph)
    assert net(torch.ones(1, 2)).shape == (1, 2)


@pytest.mark.parametrize(
    ("neuron", "name", "record"),
    [
        (snn.Alpha(0.9, 0.8, reset_mechanism="none", init_hidden=True), "alpha.exc", {"alpha": -0.9}),
        (snn.Alpha(0.9, 0.8, reset_mechanism="none", init_hidden=True), "alpha.exc", {"alpha": 1.0, "beta": 1.0}),
        (
            snn.Alpha(0.9, 0.8, reset_mechanism="none", init_hidden=True),
            "alpha.exc",
            {"alpha": np.full(2, 0.9), "beta": np.full(3, 0.8)},
        ),
        (snn.Lapicque(0.9, reset_mechanism="zero", init_hidden=True), "lapicque", {"C": 0.0}),
        (
            snn.Lapicque(0.9, reset_mechanism="zero", init_hidden=True),
            "lapicque",
            {"R": np.full(2, 1.0), "C": np.full(3, 9.5)},
        ),
    ],
)
def test_recorded_constants_that_cannot_be_are_reported_and_not_used(neuron, name, record):
    graph = to_nir(neuron, torch.zeros(1, 2))
    graph.nodes[name].metadata["snn_nir"] |= record
    with pytest.warns(NIRWarning, match=f"NIR304: node '{name}'"):
        net = from_nir(graph)
    assert net(torch.ones(1, 2)).shape == (1, 2)


def test_a_recorded_circuit_of_negative_parts_is_reported_and_not_used():
    node = lif(3, tau=TAU, r=-2.0, thr=0.2)
    node.metadata = metadata_of(**{"class": "Lapicque"}, R=-2.0, C=-TAU / 2, time_step=DT)
    with pytest.warns(NIRWarning, match="NIR304: node 'n0': .*R, C and time step of a Lapicque"):
        assert "Lapicque" not in kinds(from_nir(chain(node), dt=DT))


@pytest.mark.parametrize("part", ["inh", "spk", "reset"])
def test_a_node_of_another_kind_than_recorded_is_left_alone(part):
    graph = to_nir(snn.Alpha(0.9, 0.8, reset_mechanism="subtract", init_hidden=True), torch.zeros(1, 2))
    others = {"inh": nir.Linear(np.eye(2)), "spk": nir.Scale(np.ones(2)), "reset": nir.Delay(np.zeros(2))}
    node = others[part]
    node.metadata = graph.nodes[f"alpha.{part}"].metadata
    graph.nodes[f"alpha.{part}"] = node
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NIRWarning)
        assert "Alpha" not in kinds(from_nir(graph))
