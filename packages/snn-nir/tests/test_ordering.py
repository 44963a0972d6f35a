"""The order of nodes, and which edges wait a step."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn_nir import NIRError
from snn_nir.graphs.ordering import ordered
from snn_nir.running.wiring import Wired, wired

NAMES = [f"n{i}" for i in range(8)]
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=24)


@given(EDGES, st.randoms(use_true_random=False))
def test_every_edge_leads_forward_or_closes_a_cycle_however_the_graph_is_listed(edges, random):
    order = ordered(NAMES, edges, ["n0"])
    place = {name: i for i, name in enumerate(order.nodes)}
    assert sorted(order.nodes) == NAMES
    assert all(place[a] < place[b] for a, b in edges if (a, b) not in order.closing)
    assert order.closing <= set(edges)
    shuffled = random.sample(NAMES, len(NAMES)), random.sample(edges, len(edges))
    assert ordered(*shuffled, ["n0"]) == order


@given(EDGES)
def test_an_edge_waits_only_if_it_is_on_a_cycle(edges):
    def reachable(start):
        visited, waiting = set(), [start]
        while waiting:
            here = waiting.pop()
            after = {b for a, b in edges if a == here} - visited
            visited |= after
            waiting += after
        return visited

    assert all(source in reachable(target) | {target} for source, target in ordered(NAMES, edges, ["n0"]).closing)


@pytest.mark.parametrize("names", [("lif", "w_rec"), ("w_rec", "lif")])
def test_a_recurrent_layer_waits_at_its_entry_independent_of_names(names):
    neuron, weight = names
    edges = [("in", neuron), (neuron, weight), (weight, neuron), (neuron, "out")]
    assert ordered(["in", "out", *names], edges, ["in"]).closing == {(weight, neuron)}


def test_a_longer_way_back_into_a_cycle_costs_no_step():
    edges = [("in", "a"), ("a", "z"), ("z", "c"), ("a", "c"), ("c", "a"), ("c", "out")]
    assert ordered(["in", "a", "c", "z", "out"], edges, ["in"]).closing == {("c", "a")}


@pytest.mark.parametrize(("exc", "inh"), [("e", "i"), ("i", "e"), ("e", "z"), ("z", "e")])
def test_a_layer_with_two_currents_waits_at_both_independent_of_names(exc, inh):
    """A search from one current would make the other one wait on its way to the spikes."""
    edges = [("in", exc), ("in", inh), (exc, "spk"), (inh, "spk"), ("spk", "out")]
    back = {("w_rec", exc), ("w_rec", inh), ("reset", exc)}
    edges += [("spk", "w_rec"), ("spk", "reset"), *back]
    order = ordered(["in", "out", "spk", "w_rec", "reset", exc, inh], edges, ["in"])
    assert order.closing == back
    assert order.nodes.index("spk") > max(order.nodes.index(exc), order.nodes.index(inh))


def test_each_cycle_is_closed_by_itself():
    """The first layer has two currents, the second a skip connection, which costs no step."""
    edges = [("in", "e"), ("in", "i"), ("e", "s"), ("i", "s"), ("s", "w"), ("w", "e"), ("w", "i")]
    edges += [("s", "a"), ("in", "t"), ("a", "t"), ("t", "v"), ("v", "a")]
    assert ordered(["in", *"eiswatv"], edges, ["in"]).closing == {("w", "e"), ("w", "i"), ("v", "a")}


def test_a_node_that_feeds_itself_waits_for_itself():
    assert ordered(["in", "a"], [("in", "a"), ("a", "a")], ["in"]).closing == {("a", "a")}


def test_a_long_chain_is_not_a_deep_recursion():
    names = [f"n{i}" for i in range(20_000)]
    assert ordered(names, list(pairwise(names)), ["n0"]).nodes == tuple(names)


def test_an_edge_that_is_there_twice_is_read_twice():
    edges = [("in", "a"), ("in", "a"), ("a", "b"), ("b", "a"), ("b", "a")]
    wiring = wired(["in", "a", "b"], edges, ["in"], ["a"])
    assert wiring.nodes[1] == Wired("a", ("in", "in"), ("b", "b"))
    assert wiring.closing == "b -> a, b -> a"


def test_silence_is_computed_from_the_nodes_that_keep_a_state():
    edges = [("in", "a"), ("a", "w"), ("w", "v"), ("in", "v"), ("v", "a")]
    silent = wired(["in", "a", "w", "v"], edges, ["in"], ["a"]).silent
    assert {n.name: n.sources for n in silent} == {"in": (), "a": (), "w": ("a",), "v": ("in", "w")}
    assert silent[-1].name == "v"


def test_a_cycle_without_state_is_refused():
    with pytest.raises(NIRError, match=r"NIR215: node '[ab]': a cycle without any node that keeps a state"):
        wired(["in", "a", "b"], [("in", "a"), ("a", "b"), ("b", "a")], ["in"], [])


def test_a_node_that_reads_nothing_is_refused():
    with pytest.raises(NIRError, match="NIR303: node 'b': a node without any input: no edge leads to it"):
        wired(["in", "a", "b"], [("in", "a"), ("b", "a")], ["in"], [])
