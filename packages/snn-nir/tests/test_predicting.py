"""Predictions, against what the named releases did with graphs of a few nodes."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from snn_nir.checking.predicting import TARGETS, VERDICTS, predict
from snn_nir.codes import NIRError
from snn_nir.importing.conditions import CONDITIONS
from snn_nir.importing.importers import IMPORTERS

from .whole_graphs import chain, every_primitive

DT = 1e-4
N = 6
LETTERS = {"same": "s", "ties": "s", "differs": "d", "refuses": "x"}


def full(*values: float, size: int = N) -> tuple[np.ndarray, ...]:
    return tuple(np.full(size, value) for value in values)


def lif(tau=2.5e-3, r=1.0, v_leak=0.0, threshold=0.1, v_reset=0.0) -> nir.NIRNode:
    return nir.LIF(*full(tau, r, v_leak, threshold, v_reset))


def cuba(r=10.0, w_in=5.0, threshold=1.0) -> nir.NIRNode:
    return nir.CubaLIF(*full(5e-4, 1e-3, r, 0.0, threshold, 0.0, w_in))


def uneven() -> nir.NIRNode:
    return nir.LIF(np.linspace(1e-3, 5e-3, N), *full(1.0, 0.0), np.linspace(0.05, 0.2, N), *full(0.0))


def integrate(r: float, size: int | tuple[int, ...] = N) -> nir.NIRNode:
    return nir.IF(np.full(size, r), np.full(size, 0.7), np.full(size, 0.0))


def vision(pool: type) -> nir.NIRGraph:
    conv = nir.Conv2d((8, 8), np.ones((2, 1, 3, 3)), 1, 1, 1, 1, np.zeros(2))
    pooled = pool(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    dense = nir.Affine(np.ones((3, 32)), np.zeros(3))
    return chain(conv, integrate(1, (2, 8, 8)), pooled, nir.Flatten(None, 0), dense, integrate(1, 3), shape=(1, 8, 8))


def recurrent(neuron: nir.NIRNode, nested: bool = False, bias: float = 0.0) -> nir.NIRGraph:
    w_rec = nir.Affine(np.random.default_rng(0).normal(0, 0.6, (N, N)), np.full(N, bias))
    loop = [("lif", "w_rec"), ("w_rec", "lif")]
    shape = np.array([N])
    inner = {"in": nir.Input(shape), "lif": neuron, "w_rec": w_rec, "out": nir.Output(shape)}
    graph = nir.NIRGraph(inner, [("in", "lif"), *loop, ("lif", "out")])
    return chain(graph, shape=(N,)) if nested else graph


def one(node: nir.NIRNode) -> nir.NIRGraph:
    return chain(node, shape=(N,))


def after(node: nir.NIRNode) -> nir.NIRGraph:
    weight = np.where(np.arange(N * N).reshape(N, N) % 2, 0.7, -0.2)
    return chain(nir.Affine(weight, np.zeros(N)), node, shape=(N,))


def convolved(kernel=(3, 3), padding: int | str | tuple[int, int] = 1, groups: int = 1) -> nir.NIRGraph:
    conv = nir.Conv2d((6, 6), np.ones((2, 2 // groups, *kernel)), 1, padding, 1, groups, np.zeros(2))
    return chain(conv, spiking((2, 6, 6)), shape=(2, 6, 6))


def convolution_1d() -> nir.NIRNode:
    return nir.Conv1d(6, np.ones((2, 2, 3)), 1, 1, 1, 1, np.zeros(2))


def pooled(kind: type, kernel: int = 2, padding: int = 0) -> nir.NIRGraph:
    sizes = [np.array([size, size]) for size in (kernel, kernel, padding)]
    side = (6 + 2 * padding) // kernel
    return chain(kind(*sizes), spiking((2, side, side)), shape=(2, 6, 6))


def spiking(shape: tuple[int, ...]) -> nir.NIRNode:
    return nir.LIF(*(np.full(shape, value) for value in (1e-3, 10.0, 0.0, 1.5, 0.0)))


def two(kind: type) -> nir.NIRGraph:
    """Two Inputs or two Outputs."""
    shape = np.array([N])
    inputs, outputs = (["a", "b"], ["out"]) if kind is nir.Input else (["in"], ["a", "b"])
    nodes = {name: nir.Input(shape) for name in inputs} | {"lif": lif()} | {name: nir.Output(shape) for name in outputs}
    edges = [*((name, "lif") for name in inputs), *(("lif", name) for name in outputs)]
    return nir.NIRGraph(nodes, edges, type_check=False)


def nested_first() -> nir.NIRGraph:
    """The nested graph comes before the Affine that feeds it."""
    shape = np.array([N])
    nodes = {"in": nir.Input(shape), "layer": recurrent(cuba()), "w": nir.Affine(np.eye(N), np.zeros(N))}
    edges = [("in", "w"), ("w", "layer"), ("layer", "out")]
    return nir.NIRGraph({**nodes, "out": nir.Output(shape)}, edges)


# What snnTorch 1.0.0, Norse 1.1.0, SpikingJelly 2.0.0 and Sinabs 3.1.3 did with a file of the graph and 100 steps of
# random input at dt = 1e-4, next to a float64 reference: s the same spikes, d others, x an error or no end.
MEASURED = {
    "LIF, r = 1": (one(lif()), "sssd"),
    "LIF, r = tau / dt": (one(lif(r=25.0)), "sdsd"),
    "LIF, v_leak": (one(lif(v_leak=0.3)), "xdxx"),
    "LIF, v_reset": (one(lif(v_reset=-0.1)), "ddxx"),
    "LIF, v_leak and v_reset": (one(lif(v_leak=-0.1, v_reset=-0.1)), "xddx"),
    "LIF, uneven": (one(uneven()), "xsxd"),
    "LIF, uneven tau": (one(nir.LIF(np.linspace(1e-3, 5e-3, N), *full(1.0, 0.0, 0.1, 0.0))), "dsxd"),
    "CubaLIF, r = tau / dt": (after(cuba()), "sssd"),
    "CubaLIF, r = 1": (after(cuba(r=1.0, w_in=1.0, threshold=0.02)), "xsxd"),
    "IF, r = 1": (one(integrate(1.0)), "ddxd"),
    "IF, r = 1 / dt": (one(integrate(1 / DT)), "xssd"),
    "LI": (after(nir.LI(*full(1e-3, 10.0, 0.0))), "xdxx"),
    "LI, r = 1": (after(nir.LI(*full(1e-3, 1.0, 0.0))), "xdxd"),
    "CubaLI": (after(nir.CubaLI(*full(5e-4, 1e-3, 10.0, 0.0, 5.0))), "xdxx"),
    "I": (after(nir.I(*full(1 / DT))), "xdxd"),
    "Threshold": (after(nir.Threshold(*full(0.5))), "xdxd"),
    "Scale": (chain(nir.Scale(*full(2.0)), lif(), shape=(N,)), "xdxd"),
    "Delay": (chain(nir.Delay(*full(2e-4)), lif(), shape=(N,)), "xdxd"),
    "Linear": (chain(nir.Linear(2 * np.eye(N)[::-1]), lif(), shape=(N,)), "sssd"),
    "Conv1d": (
        chain(convolution_1d(), spiking((2, 6)), shape=(2, 6)),
        "sdsx",
    ),
    "Conv2d": (convolved(), "sdsx"),
    "Conv2d, groups": (convolved(groups=2), "xxxx"),
    "Conv2d, not square": (convolved((3, 5), (1, 2)), "xxxx"),
    "Conv2d, not square, same": (convolved((3, 5), "same"), "sdsx"),
    "SumPool2d": (pooled(nir.SumPool2d), "sdsx"),
    "SumPool2d, padded": (pooled(nir.SumPool2d, padding=1), "xxdx"),
    "AvgPool2d": (pooled(nir.AvgPool2d), "sxsx"),
    "AvgPool2d, padded": (pooled(nir.AvgPool2d, padding=1), "sxsx"),
    "AvgPool2d of one": (pooled(nir.AvgPool2d, kernel=1), "sdsx"),
    "Flatten": (chain(nir.Flatten(None, 0), nir.Affine(np.ones((N, 8)), np.zeros(N)), lif(), shape=(2, 2, 2)), "ddsd"),
    "convolutional": (vision(nir.SumPool2d), "xdxd"),
    "recurrent LIF": (recurrent(lif()), "dssd"),
    "recurrent LIF, r = tau / dt": (recurrent(lif(r=25.0)), "ddsd"),
    "recurrent CubaLIF": (recurrent(cuba()), "dssx"),
    "recurrent CubaLIF, nested": (recurrent(cuba(), nested=True), "sssx"),
    "recurrent LIF, bias": (recurrent(lif(), bias=0.4), "dddd"),
    "recurrent LIF, nested before its source": (nested_first(), "xsxx"),
    "two Inputs": (two(nir.Input), "xdxd"),
    "two Outputs": (two(nir.Output), "xsxd"),
}

# what rockpool 3.1.0 did
ROCKPOOL = {
    "LIF, r = 1": "x",
    "IF, r = 1": "x",
    "LI": "d",
    "CubaLI": "x",
    "CubaLIF, r = tau / dt": "d",
    "CubaLIF, r = 1": "d",
    "convolutional": "x",
    "recurrent LIF": "x",
    "recurrent CubaLIF": "d",
    "recurrent CubaLIF, nested": "d",
}


@pytest.mark.parametrize("case", MEASURED)
def test_the_prediction_is_what_was_measured(case):
    graph, verdicts = MEASURED[case]
    assert "".join(LETTERS[predict(graph, target).verdict] for target in TARGETS[:4]) == verdicts


@pytest.mark.parametrize("case", ROCKPOOL)
def test_the_prediction_for_rockpool_is_what_was_measured(case):
    assert LETTERS[predict(MEASURED[case][0], "rockpool").verdict] == ROCKPOOL[case]


def test_a_bias_on_the_way_back_is_lost_in_the_first_step():
    assert predict(recurrent(cuba()), "norse").verdict == "same"
    (effect,) = predict(recurrent(cuba(), bias=0.5), "norse").effects
    assert (effect.node, effect.verdict) == ("w_rec", "differs")


def test_every_condition_is_used_and_every_rule_has_one():
    used = {rule.condition for importer in IMPORTERS.values() for rule in importer.rules}
    assert used == set(CONDITIONS)


def test_the_time_step_decides_whether_a_gain_is_1():
    assert predict(one(lif(tau=1e-2, r=10.0)), "spikingjelly").verdict == "refuses"
    assert predict(one(lif(tau=1e-2, r=10.0)), "spikingjelly", dt=1e-3).verdict == "ties"


def test_effects_name_the_path_of_the_node_and_read_as_text():
    inner = chain(nir.LI(*full(1e-3, 1.0, 0.0)), shape=(N,))
    prediction = predict(chain(inner, shape=(N,)), "norse")
    assert str(prediction) == ("norse 1.1.0: differs\n  nirgraph_0/li_0: differs: left out")


def test_a_graph_that_nothing_is_wrong_with_is_the_same():
    prediction = predict(one(lif()), "norse")
    assert (prediction.effects, prediction.verdict, str(prediction)) == ((), "same", "norse 1.1.0: same")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("graph", every_primitive())
def test_every_condition_can_be_asked_of_every_primitive(graph: nir.NIRGraph, target: str):
    assert predict(graph, target).verdict in VERDICTS


def test_an_unknown_target_is_refused():
    with pytest.raises(NIRError, match=r"NIR217: target: .*'loihi'; use one of snntorch, norse"):
        predict(one(lif()), "loihi")
