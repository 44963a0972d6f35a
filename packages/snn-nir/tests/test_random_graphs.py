"""Graphs that nobody would draw, against the reference."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

import snn_core as snn
from snn_nir import NIRError, from_nir
from snn_nir.graphs.ordering import ordered

from .graphs import DT, cuba, full, lif
from .reference import simulate

pytestmark = pytest.mark.exhaustive

N = 3


def fresh(kind: str, seed: int) -> nir.NIRNode:
    rng = np.random.default_rng(seed)
    gain = rng.choice([10.0, 3.0])
    makers = {
        "LIF": lambda: lif(N, tau=1e-3, r=gain, thr=rng.uniform(0.3, 1, N), reset=rng.choice([0.0, -0.2])),
        "CubaLIF": lambda: cuba(n=N, syn=5e-4, mem=1e-3, r=10.0, w=gain / 2, thr=0.8),
        "LI": lambda: nir.LI(full(1e-3, N), full(gain, N), full(rng.choice([0.0, 0.1]), N)),
        "IF": lambda: nir.IF(full(1e4, N), full(1.1, N)),
        "Threshold": lambda: nir.Threshold(full(rng.choice([0.5, 0.7]), N)),
        "Scale": lambda: nir.Scale(rng.choice([-0.7, -0.5, 0.6, -0.63], N)),
        "Affine": lambda: nir.Affine(rng.normal(0, 0.5, (N, N)), rng.normal(0.1, 0.2, N)),
        "Linear": lambda: nir.Linear(np.diag(rng.normal(0, 0.5, N))),
        "Delay": lambda: nir.Delay(DT * rng.integers(0, 3, N)),
    }
    return makers[kind]()


KINDS = ["LIF", "CubaLIF", "LI", "IF", "Threshold", "Scale", "Affine", "Linear", "Delay"]


@st.composite
def graphs(draw):
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=7))
    names = [f"n{i}" for i in range(len(kinds))]
    nodes = {"in": nir.Input(np.array([N])), "out": nir.Output(np.array([N]))}
    nodes |= {name: fresh(kind, draw(st.integers(0, 99))) for name, kind in zip(names, kinds, strict=True)}
    edges = [("in", names[0])]
    for i, name in enumerate(names[1:], 1):  # everything is reached, and more
        edges.append((names[draw(st.integers(0, i - 1))], name))
    pairs = st.tuples(st.sampled_from([*names, "in"]), st.sampled_from([*names, "out"]))
    edges += draw(st.lists(pairs, max_size=6))
    ends = [name for name in names if name not in {source for source, _ in edges}]
    return nir.NIRGraph(nodes, edges + [(name, "out") for name in (ends or names[-1:])], type_check=False)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(graphs())
def test_any_graph_gives_what_the_reference_gives(graph):
    xs = (np.random.default_rng(1).random((40, 2, N)) < 0.4).astype(np.float64)
    try:
        nets = [from_nir(graph, dt=DT, simplify=simplify) for simplify in (True, False)]
    except NIRError as error:
        if error.code != "NIR215":
            raise
        reject()
    expected = simulate(graph, xs, DT, late=ordered(graph.nodes, graph.edges, ["in"]).closing)["out"]
    assume(np.abs(expected).max() < 1e6)
    for net in nets:
        for ys in (snn.unroll(net, torch.tensor(xs)), net.unroll(torch.tensor(xs))[0]):
            np.testing.assert_allclose(ys.detach().numpy(), expected, rtol=1e-9, atol=1e-9)
