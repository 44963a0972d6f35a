"""Graphs as modules: sums, ports, cycles, state."""

from __future__ import annotations

import copy
import pickle

import nir
import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_map

import snn_core as snn
from snn_nir import from_nir

from .graphs import DT, chain, full, lif, nested, recurrent, spread
from .reference import simulate

SHAPE = np.array([3])


def graph(nodes, edges):
    return nir.NIRGraph(nodes, edges, type_check=False)


def spikes(steps=60, batch=2, n=3, seed=0):
    return (np.random.default_rng(seed).random((steps, batch, n)) < 0.4).astype(np.float64)


def scale(value):
    return nir.Scale(np.full(3, float(value)))


def test_edges_into_one_node_are_summed():
    nodes = {"in": nir.Input(SHAPE), "a": scale(2), "b": scale(5), "out": nir.Output(SHAPE)}
    net = from_nir(graph(nodes, [("in", "a"), ("in", "b"), ("a", "out"), ("b", "out"), ("in", "out")]))
    assert net(torch.ones(1, 3, dtype=torch.float64)).tolist() == [[8, 8, 8]]


def test_an_edge_that_is_there_twice_counts_twice():
    nodes = {"in": nir.Input(SHAPE), "a": scale(2), "out": nir.Output(SHAPE)}
    net = from_nir(graph(nodes, [("in", "a"), ("in", "a"), ("a", "out")]))
    assert net(torch.ones(1, 3, dtype=torch.float64)).tolist() == [[4, 4, 4]]


def test_several_inputs_and_outputs_go_by_name():
    nodes = {"x": nir.Input(SHAPE), "y": nir.Input(SHAPE), "sum": scale(1), "twice": scale(2)}
    nodes |= {"p": nir.Output(SHAPE), "q": nir.Output(SHAPE)}
    net = from_nir(graph(nodes, [("x", "sum"), ("y", "sum"), ("y", "twice"), ("sum", "p"), ("twice", "q")]))
    inputs = {"y": torch.full((2, 3), 10.0).double(), "x": torch.ones(2, 3).double()}
    out = net(inputs)
    assert {k: v[0, 0].item() for k, v in out.items()} == {"p": 11, "q": 20}
    ys, _ = net.unroll({k: v.expand(4, 2, 3) for k, v in inputs.items()})
    assert {k: tuple(v.shape) for k, v in ys.items()} == {"p": (4, 2, 3), "q": (4, 2, 3)}
    with pytest.raises(TypeError, match="the graph takes a dict with a tensor for each of 'x', 'y', got one Tensor"):
        net(torch.ones(2, 3))
    with pytest.raises(TypeError, match="each of 'x', 'y', got 'x'"):
        net({"x": torch.ones(2, 3)})
    with pytest.raises(ValueError, match="every Input takes the same number of steps, got 4 of 'x', 5 of 'y'"):
        net.unroll({"x": torch.ones(4, 2, 3), "y": torch.ones(5, 2, 3)})


def test_a_graph_with_several_outputs_runs_under_unroll():
    nodes = {"in": nir.Input(SHAPE), "lif": lif(3, r=25.0), "spk": nir.Output(SHAPE), "raw": nir.Output(SHAPE)}
    net = from_nir(graph(nodes, [("in", "lif"), ("lif", "spk"), ("in", "raw")]))
    xs = torch.tensor(spikes())
    ys, plan = snn.unroll(net, xs, explain=True)
    assert plan.kind == "layers"
    assert torch.equal(ys["raw"], xs)
    assert ys["spk"].any()


def test_similar_names_stay_distinct():
    names = ["a.b", "a_b", "forward", "items", "a.b_", "state_dict"]
    nodes = {"in": nir.Input(SHAPE), **{n: scale(i + 2) for i, n in enumerate(names)}, "out": nir.Output(SHAPE)}
    net = from_nir(graph(nodes, [("in", n) for n in names] + [(n, "out") for n in names]))
    assert net(torch.ones(1, 3).double())[0, 0].item() == sum(range(2, 8))
    assert {n: net[n].scale[0].item() for n in names} == {n: i + 2 for i, n in enumerate(names)}
    assert len(net.state_dict()) == 6
    with pytest.raises(KeyError, match="no module for a node 'a-b'; there are"):
        net["a-b"]


def test_a_recurrent_bias_acts_in_the_first_step():
    nodes = {"in": nir.Input(SHAPE), "lif": lif(3, tau=DT, r=1.0, thr=0.5), "out": nir.Output(SHAPE)}
    nodes["w_rec"] = nir.Affine(np.zeros((3, 3)), np.array([0.0, 0.4, 0.6]))
    flat = graph(nodes, [("in", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "out")])
    for simplify in (True, False):
        net = from_nir(flat, dt=DT, simplify=simplify)
        assert net(torch.zeros(2, 3).double()).tolist() == [[0, 0, 1]] * 2


def loops():
    rng = np.random.default_rng(3)
    soft = {
        "in": nir.Input(SHAPE),
        "li": nir.LI(full(1e-3, 3), full(10.0, 3), full(0, 3)),
        "thr": nir.Threshold(full(0.7, 3)),
    }
    soft |= {"back": scale(-0.7), "out": nir.Output(SHAPE)}
    ring = [("in", "li"), ("li", "thr"), ("thr", "back"), ("back", "li"), ("thr", "out")]
    two = {"in": nir.Input(SHAPE), "a": lif(3, r=25.0, thr=0.9), "b": lif(3, r=25.0, thr=0.5), "out": nir.Output(SHAPE)}
    two |= {
        "ab": nir.Affine(rng.normal(0.4, 1, (3, 3)), full(0.1, 3)),
        "ba": nir.Affine(rng.normal(0, 1, (3, 3)), full(0.3, 3)),
    }
    pair = [("in", "a"), ("in", "b"), ("a", "ab"), ("ab", "b"), ("b", "ba"), ("ba", "a"), ("b", "out"), ("a", "out")]
    own = {"in": nir.Input(SHAPE), "a": lif(3, r=25.0, thr=0.9), "out": nir.Output(SHAPE)}
    self_loop = [("in", "a"), ("a", "a"), ("a", "out")]
    late = {
        "in": nir.Input(SHAPE),
        "a": lif(3, r=25.0, thr=0.9),
        "d": nir.Delay(full(3e-4, 3)),
        "w": scale(-0.5),
        "out": nir.Output(SHAPE),
    }
    through = [("in", "a"), ("a", "d"), ("d", "w"), ("w", "a"), ("a", "out")]
    return {
        "soft reset": (soft, ring, [("back", "li")]),
        "two populations": (two, pair, [("ba", "a")]),
        "self loop": (own, self_loop, [("a", "a")]),
        "delay in the loop": (late, through, [("w", "a")]),
    }


@pytest.mark.parametrize("name", loops())
@pytest.mark.parametrize("simplify", [True, False])
def test_cycles_give_what_the_reference_gives(name, simplify):
    nodes, edges, closing = loops()[name]
    flat, xs = graph(nodes, edges), spikes()
    expected = simulate(flat, xs, DT, late=closing)["out"]
    net = from_nir(flat, dt=DT, simplify=simplify)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(snn.unroll(net, torch.tensor(xs)).detach().numpy(), expected)
    np.testing.assert_array_equal(net.unroll(torch.tensor(xs))[0].detach().numpy(), expected)


def test_the_order_of_nodes_and_edges_changes_nothing():
    nodes, edges, _ = loops()["two populations"]
    backwards = graph(dict(reversed(nodes.items())), edges[::-1])
    xs = torch.tensor(spikes())
    assert torch.equal(from_nir(backwards, dt=DT).unroll(xs)[0], from_nir(graph(nodes, edges), dt=DT).unroll(xs)[0])


@pytest.mark.parametrize("simplify", [True, False])
def test_a_nested_graph_is_its_flat_one(simplify):
    flat, xs = recurrent(lif(tau=1e-3, r=10.0, thr=1.0)), torch.tensor(spikes())
    ys = from_nir(flat, dt=DT, simplify=simplify).unroll(xs)[0]
    assert torch.equal(from_nir(nested(flat), dt=DT, simplify=simplify).unroll(xs)[0], ys)


@pytest.mark.parametrize("simplify", [True, False])
def test_calls_keep_the_state_that_steps_pass_on(simplify):
    net = from_nir(recurrent(lif(tau=1e-3, r=10.0, thr=1.0)), dt=DT, simplify=simplify)
    xs = torch.tensor(spikes())
    expected, last = net.unroll(xs)
    torch.testing.assert_close(torch.stack([net(x) for x in xs]), expected)
    torch.testing.assert_close(net.kept_state(), last)
    first = net.unroll(xs[:20])[1]
    before = tree_map(torch.clone, first)
    torch.testing.assert_close(net.unroll(xs[20:], first)[0], expected[20:])
    torch.testing.assert_close(first, before)
    net.keep_state(first)
    torch.testing.assert_close(torch.stack([net(x) for x in xs[20:]]), expected[20:])
    torch.testing.assert_close(snn.unroll(net, xs), expected)
    torch.testing.assert_close(snn.unroll(net, xs[:7], resume=False), expected[:7])
    torch.testing.assert_close(snn.unroll(net, xs[7:], resume=True), expected[7:])


@pytest.mark.parametrize("simplify", [True, False])
def test_a_net_at_rest_steps_from_the_state_that_it_says_it_keeps(simplify):
    net = from_nir(recurrent(lif(tau=1e-3, r=10.0, thr=1.0)), dt=DT, simplify=simplify)
    x = torch.tensor(spikes(1)[0])
    torch.testing.assert_close(net.step(x, net.kept_state()), net.step(x))


@pytest.mark.parametrize("name", loops())
@pytest.mark.parametrize("simplify", [True, False])
def test_a_net_put_back_to_rest_starts_again(name, simplify):
    nodes, edges, _ = loops()[name]
    net, xs = from_nir(graph(nodes, edges), dt=DT, simplify=simplify), torch.tensor(spikes())
    rest = net.kept_state()
    first = torch.stack([net(x) for x in xs])
    assert first.any()
    net.keep_state(rest)
    assert torch.equal(torch.stack([net(x) for x in xs]), first)


@pytest.mark.parametrize("simplify", [True, False])
def test_a_changed_output_reaches_no_later_step(simplify):
    nodes = {"in": nir.Input(SHAPE), "a": lif(3, r=25.0, thr=0.9), "b": lif(3, r=25.0, thr=0.5), "w": scale(-0.3)}
    nodes |= {"flat": nir.Flatten({"input": SHAPE}, 0, -1), "out": nir.Output(SHAPE)}
    edges = [("in", "a"), ("a", "b"), ("b", "a"), ("in", "b"), ("b", "flat"), ("flat", "out"), ("a", "w"), ("w", "a")]
    net, xs = from_nir(graph(nodes, edges), dt=DT, simplify=simplify), torch.tensor(spikes())
    expected = net.unroll(xs)[0]
    assert 0 < expected.mean() < 1
    state, called, stepped = None, [], []
    for x in xs:
        y = net(x)
        called.append(y.clone())
        y.zero_()
        y, state = net.step(x, state)
        stepped.append(y.clone())
        y.zero_()
    assert torch.equal(torch.stack(called), expected)
    assert torch.equal(torch.stack(stepped), expected)


@pytest.mark.parametrize("simplify", [True, False])
def test_a_net_is_copied_and_saved_with_what_it_keeps(simplify):
    net = from_nir(recurrent(lif(tau=1e-3, r=10.0, thr=1.0)), dt=DT, simplify=simplify)
    xs = torch.tensor(spikes(20))
    for x in xs[:10]:
        net(x)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(net)))
    torch.testing.assert_close([twin(x) for x in xs[10:]], [net(x) for x in xs[10:]])
    other = from_nir(recurrent(lif(tau=1e-3, r=10.0, thr=1.0)), dt=DT, simplify=simplify)
    for parameter in other.parameters():
        parameter.data.zero_()
    other.load_state_dict(net.state_dict())
    torch.testing.assert_close(other.unroll(xs), net.unroll(xs))


def test_another_batch_needs_a_reset():
    net = from_nir(recurrent(lif(tau=1e-3, r=10.0, thr=1.0)), dt=DT, simplify=False)
    net(torch.zeros(2, 3).double())
    with pytest.raises(ValueError, match=r"call snn.utils.reset\(net\) before a new batch"):
        net(torch.zeros(5, 3).double())
    snn.utils.reset(net)
    assert net(torch.zeros(5, 3).double()).shape == (5, 5)


def test_the_gradient_runs_through_a_cycle_and_ends_where_it_is_cut():
    net = from_nir(recurrent(lif(tau=1e-3, r=10.0, thr=1.0)), dt=DT, simplify=False)
    xs = torch.tensor(spikes(10))
    net.unroll(xs)[0].sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in net["w_rec"].parameters())
    for _ in range(3):
        snn.utils.detach(net)
        net(xs[0]).sum().backward()


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("simplify", [True, False])
def test_one_step_and_no_sample_are_ordinary(steps, batch, simplify):
    net = from_nir(recurrent(lif(tau=1e-3, r=10.0, thr=1.0)), dt=DT, simplify=simplify)
    xs = torch.zeros(steps, batch, 3, dtype=torch.float64)
    assert net.unroll(xs)[0].shape == snn.unroll(net, xs).shape == (steps, batch, 5)


def test_what_does_not_fit_is_refused():
    net = from_nir(chain(spread(), lif(r=25.0)))
    with pytest.raises(ValueError, match=r"the input 'input' takes \[batch, 3\], got shape \(3,\)"):
        net(torch.zeros(3))
    with pytest.raises(ValueError, match=r"the input 'input' takes \[batch, 3\], got shape \(2, 4\)"):
        net.step(torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"the input 'input' takes \[T, batch, 3\], got shape \(2, 3\)"):
        net.unroll(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="unroll takes T >= 1 steps"):
        net.unroll(torch.zeros(0, 2, 3))
    with pytest.raises(TypeError, match="the input 'input' takes a tensor, got list"):
        net([[0.0, 0.0, 0.0]])


def test_spikes_may_be_integers_or_booleans():
    net = from_nir(chain(lif(3, r=25.0))).float()
    xs = torch.tensor(spikes())
    torch.testing.assert_close(net.unroll(xs.bool())[0], net.unroll(xs.float())[0])


def test_the_repr_says_step_and_ports():
    assert "inputs=input, outputs=output, dt=0.0001 s, method=euler" in repr(from_nir(chain(lif(3, r=25.0))))


@pytest.mark.parametrize("simplify", [True, False])
@pytest.mark.parametrize("neuron", [lif(r=25.0), nir.LI(full(2.5e-3), full(25.0), full(0.0))], ids=["LIF", "LI"])
def test_a_batch_of_unequal_lengths_is_its_sequences_one_by_one(neuron: nir.NIRNode, simplify: bool):
    lengths, xs = [60, 7, 0, 33], torch.from_numpy(spikes(batch=4))
    net = from_nir(recurrent(neuron), dt=DT, simplify=simplify).double()
    ys = snn.unroll(net, xs, lengths=lengths)
    last = net.kept_state()
    for sample, length in enumerate(lengths):
        assert not ys[length:, sample].any()
        if length:
            alone = from_nir(recurrent(neuron), dt=DT, simplify=simplify).double()
            torch.testing.assert_close(ys[:length, sample], snn.unroll(alone, xs[:length, sample : sample + 1])[:, 0])
            for name, state in alone.kept_state().nodes.items():
                for result, expected in zip(last.nodes[name], state, strict=True):
                    torch.testing.assert_close(result[sample], expected[0])
