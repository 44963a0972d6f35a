"""A graph that was imported is exported again: what it became by then, cycles and all."""

from __future__ import annotations

import io
import warnings

import nir
import numpy as np
import pytest
import torch
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import snn_core as snn
from snn_nir import NIRError, diff, from_nir, read, to_nir, write

from .graphs import cases, chain, lif, nested
from .whole_graphs import every_primitive

CASES = cases()


def run(net, shape, steps=100):
    xs = (torch.rand(steps, 3, *shape, generator=torch.Generator().manual_seed(4)) < 0.3).double()
    with torch.no_grad():
        return snn.unroll(net, xs)


@pytest.mark.exhaustive
@pytest.mark.parametrize("simplify", [True, False])
@pytest.mark.parametrize("method", ["euler", "exact"])
@pytest.mark.parametrize("name", CASES)
def test_the_graph_again_gives_the_same(name, method, simplify):
    case = CASES[name]
    shape = tuple(case.graph.nodes["input"].input_type["input"])
    net = from_nir(case.graph, dt=case.dt, method=method, simplify=simplify)
    again = to_nir(net, torch.zeros(1, *shape).double(), dt=case.dt, method=method)
    back = from_nir(again, simplify=simplify)
    expected = run(net, shape)
    assert expected.any()
    if simplify:
        assert run(back, shape).equal(expected)
    else:
        torch.testing.assert_close(run(back, shape), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_the_primitives_come_back_as_they_were(name):
    graph = CASES[name].graph
    net = from_nir(graph, dt=CASES[name].dt, simplify=False)
    again = to_nir(net, torch.zeros(1, *graph.nodes["input"].input_type["input"]), dt=CASES[name].dt)
    for key, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            continue
        assert type(again.nodes[key]) is type(node)
        for field, value in vars(node).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(getattr(again.nodes[key], field), value, err_msg=f"{key}.{field}")


def test_another_step_keeps_the_decays():
    graph = CASES["recurrent CubaLIF"].graph
    net = from_nir(graph, dt=1e-4, simplify=False)
    again = to_nir(net, torch.zeros(1, 3), dt=1e-3)
    np.testing.assert_allclose(again.nodes["lif"].tau_mem, 10 * graph.nodes["lif"].tau_mem)
    assert run(from_nir(again, simplify=False), (3,)).equal(run(net, (3,)))


def test_another_step_keeps_what_an_integrator_adds():
    net = from_nir(chain(nir.I(np.full(3, 2.0))), dt=1.0, simplify=False)
    assert to_nir(net, torch.zeros(1, 3), dt=0.5).nodes["n0"].r.tolist() == [4.0] * 3


def test_another_method_is_refused_where_time_constants_are_kept():
    net = from_nir(CASES["recurrent CubaLIF"].graph, dt=1e-4, simplify=False)
    with pytest.raises(NIRError, match=r"NIR402: 'lif' \(CubaLIF\): .*made for method='euler'.*pass method='euler'"):
        to_nir(net, torch.zeros(1, 3), method="exact")


@pytest.mark.parametrize("number", range(len(every_primitive())))
def test_every_primitive_comes_back(number):
    graph = every_primitive()[number]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = from_nir(graph, dt=1e-4, simplify=False)
        inputs = [n for n in sorted(graph.nodes) if isinstance(graph.nodes[n], nir.Input)]
        samples = tuple(torch.zeros(1, *graph.nodes[n].input_type["input"]) for n in inputs)
        again = to_nir(net, samples, dt=1e-4)
    flat = {type(n).__name__ for n in graph.nodes.values()} - {"NIRGraph"}
    assert flat <= {type(n).__name__ for n in again.nodes.values()}


def test_an_edge_that_counts_twice_still_does():
    nodes = {"input": nir.Input(np.array([2])), "a": nir.Scale(np.ones(2)), "lif": lif(2), "output": nir.Output(None)}
    edges = [("input", "a"), ("a", "lif"), ("lif", "output"), ("a", "lif")]
    graph = nir.NIRGraph(nodes, edges[:3], type_check=False)
    graph.edges = edges
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = from_nir(graph, dt=1e-4)
    again = to_nir(net, torch.zeros(1, 2))
    assert run(from_nir(again), (2,)).equal(run(net, (2,)))


def test_a_reset_by_subtraction_at_another_rest_is_kept_in_the_metadata():
    net = from_nir(chain(lif(3, leak=0.05)), dt=1e-4, reset="subtract")
    with pytest.warns(UserWarning, match=r"NIR408: 'n0' \(LIF\): .*its reset 'subtract'"):
        again = to_nir(net, torch.zeros(1, 3))
    assert run(from_nir(again), (3,)).equal(run(net, (3,)))


def test_parameters_learned_since_are_written():
    net = from_nir(chain(lif(3)), dt=1e-4, simplify=False)
    with torch.no_grad():
        net["n0"].threshold.mul_(2)
    assert to_nir(net, torch.zeros(1, 3)).nodes["n0"].v_threshold.tolist() == [0.2] * 3


MAKERS = [
    lambda: lif(3),
    lambda: nir.Affine(np.arange(9.0).reshape(3, 3) / 8, np.ones(3)),
    lambda: nir.Scale(np.full(3, 0.5)),
    lambda: nir.Threshold(np.full(3, 0.25)),
    lambda: nir.LI(tau=np.full(3, 2e-3), r=np.ones(3), v_leak=np.zeros(3)),
]


@st.composite
def deep_graphs(draw, depth=0):
    """A graph of size 3 with graphs nested in it, skips, and cycles through neurons."""
    inner = st.sampled_from(MAKERS).map(lambda make: make())
    parts = draw(st.lists(inner if depth == 2 else inner | deep_graphs(depth + 1), min_size=1, max_size=3))
    names = [f"n{i}" for i in range(len(parts))]
    table = {"in": nir.Input(np.array([3])), **dict(zip(names, parts, strict=True)), "out": nir.Output(np.array([3]))}
    chained = list(zip(["in", *names], [*names, "out"], strict=True))
    pairs = st.tuples(st.sampled_from(["in", *names]), st.sampled_from([*names, "out"]))
    edges = list(dict.fromkeys([*chained, *draw(st.lists(pairs, max_size=3))]))
    return nir.NIRGraph(table, edges, type_check=False)


@pytest.mark.exhaustive
@settings(max_examples=60, deadline=None)
@given(graph=deep_graphs())
def test_nested_graphs_come_back_node_by_node_and_edge_by_edge(graph):
    try:
        net = from_nir(graph, dt=1e-4, simplify=False)
    except NIRError as error:
        if error.code != "NIR215":
            raise
        reject()
    again = to_nir(net, torch.zeros(1, 3))
    assert [str(d) for d in diff(graph, again) if d.what != "metadata"] == []
    file = io.BytesIO()
    write(again, file)
    assert diff(again, read(file)) == []
    assert run(from_nir(read(file), simplify=False), (3,)).equal(run(net, (3,)))


def test_a_module_put_into_a_nested_graph_stays_in_it_with_all_its_nodes():
    net = from_nir(nested(CASES["recurrent LIF"].graph), dt=1e-4, simplify=False)
    neuron = snn.Leaky(beta=0.5, reset_mechanism="subtract", init_hidden=True).double()
    net.add_module(net._attributes["rnn.lif"], neuron)
    again = to_nir(net, torch.zeros(1, 3))
    assert set(again.nodes) == {"input", "fc", "rnn", "output"}
    assert set(again.nodes["rnn"].nodes) == {"input", "lif.mem", "lif.spk", "lif.reset", "w_rec", "output"}
    assert run(from_nir(again), (3,)).equal(run(net, (3,)))


@pytest.mark.parametrize("place", ["into the graph", "within it", "out of it"])
def test_an_edge_that_counts_twice_at_a_nested_graph_still_does(place):
    inner = chain(nir.Scale(np.ones(3)), lif(3))
    graph = nir.NIRGraph(
        {"input": nir.Input(np.array([3])), "inner": inner, "fc": nir.Scale(np.ones(3)), "output": nir.Output(None)},
        [("input", "inner"), ("inner", "fc"), ("fc", "output")],
        type_check=False,
    )
    doubled = {"into the graph": graph, "within it": inner, "out of it": graph}[place]
    doubled.edges.append({"into the graph": ("input", "inner"), "within it": ("n0", "n1")}.get(place, ("inner", "fc")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = from_nir(graph, dt=1e-4, simplify=False)
    again = to_nir(net, torch.zeros(1, 3))
    assert any(name.endswith(".times2") for name in (again.nodes["inner"] if doubled is inner else again).nodes)
    assert run(from_nir(again), (3,)).equal(run(net, (3,)))


def test_neurons_put_in_place_of_nodes_leave_a_flat_graph():
    graph = nested(CASES["recurrent LIF"].graph)
    again = to_nir(from_nir(graph, dt=1e-4), torch.zeros(1, 3))
    assert not any(isinstance(node, nir.NIRGraph) for node in again.nodes.values())


def test_names_that_differ_in_a_dot_come_back():
    names = ["a_b", "a.b", "a b"]
    nodes = {name: nir.Scale(np.full(2, factor)) for factor, name in enumerate(names, 2)}
    nodes = {"input": nir.Input(np.array([2])), **nodes, "output": nir.Output(np.array([2]))}
    graph = nir.NIRGraph(nodes, list(zip(list(nodes), list(nodes)[1:], strict=False)), type_check=False)
    again = to_nir(from_nir(graph, dt=1e-4, simplify=False), torch.zeros(1, 2))
    assert set(again.nodes) == set(nodes)
    assert {name: again.nodes[name].scale.tolist() for name in names} == {
        name: nodes[name].scale.tolist() for name in names
    }


@pytest.mark.parametrize("reset", ["subtract", "none", "zero"])
def test_the_surrogate_gradient_survives_an_import_as_nodes(reset):
    neuron = snn.Leaky(0.9, spike_grad=snn.surrogate.fast_sigmoid(7), reset_mechanism=reset, init_hidden=True)
    x = torch.zeros(1, 2)
    again = to_nir(from_nir(to_nir(neuron, x), simplify=False), x)
    assert [neuron.spike_grad for neuron in from_nir(again).neurons.values()] == [snn.surrogate.fast_sigmoid(7)]


def decomposed(name):
    """A neuron whose reset by subtraction is a node of its own, and its edges."""
    nodes = {name: nir.LI(tau=np.full(3, 1e-3), r=np.full(3, 10.0), v_leak=np.zeros(3))}
    nodes |= {f"{name}thr": nir.Threshold(np.full(3, 0.8)), f"{name}back": nir.Scale(np.full(3, -0.8))}
    return nodes, [(name, f"{name}thr"), (f"{name}thr", f"{name}back"), (f"{name}back", name)]


def two_neurons(first, second):
    (nodes, edges), (others, more) = decomposed(first), decomposed(second)
    nodes = {"input": nir.Input(np.array([3])), **nodes, **others, "output": nir.Output(np.array([3]))}
    nodes |= {"w": nir.Scale(np.full(3, 0.3)), "v": nir.Scale(np.full(3, -0.5))}
    edges += [*more, ("input", first), ("input", second), (f"{first}thr", "w"), ("w", second)]
    edges += [(f"{second}thr", "v"), ("v", first), (f"{second}thr", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def test_a_cycle_whose_exported_names_would_close_it_elsewhere_is_refused():
    net = from_nir(two_neurons("exc", "exc-2"), dt=1e-4)
    with pytest.raises(NIRError, match=r"NIR403: edge 'v' -> 'exc': .*rename the nodes, or import with simplify=False"):
        to_nir(net, torch.zeros(1, 3))
    for net in (from_nir(two_neurons("a", "b"), dt=1e-4), from_nir(two_neurons("exc", "exc-2"), simplify=False)):
        again = to_nir(net, torch.zeros(1, 3))
        for simplify in (True, False):
            assert run(from_nir(again, simplify=simplify), (3,)).equal(run(net, (3,)))


@pytest.mark.parametrize("simplify", [True, False])
def test_an_edge_back_into_a_nested_graph_is_exported(simplify):
    inner = chain(lif(3, tau=1e-3, r=10.0, thr=0.8))
    nodes = {"input": nir.Input(np.array([3])), "inner": inner, "output": nir.Output(np.array([3]))}
    nodes["w"] = nir.Affine(np.full((3, 3), -0.3), np.full(3, 0.1))
    edges = [("input", "inner"), ("inner", "w"), ("w", "inner"), ("inner", "output")]
    net = from_nir(nir.NIRGraph(nodes, edges, type_check=False), dt=1e-4, simplify=simplify)
    again = to_nir(net, torch.zeros(1, 3))
    expected = run(net, (3,))
    assert 0 < expected.mean() < 1
    assert run(from_nir(again), (3,)).equal(expected)
    assert run(from_nir(again, simplify=False), (3,)).equal(expected)


def test_a_node_of_an_imported_graph_within_another_net_is_refused_with_the_reason():
    net = torch.nn.Sequential(from_nir(chain(lif(3, leak=0.05)), dt=1e-4), torch.nn.Linear(3, 2).double())
    with pytest.raises(NIRError, match=r"NIR401: '0.n0' \(LIF\): .*it is a node of an imported graph"):
        to_nir(net, torch.zeros(1, 3).double())
