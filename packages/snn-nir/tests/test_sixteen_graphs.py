"""Graphs that no two simulators agree on, against a second implementation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import snn_core as snn
from snn_nir import from_nir

from .graphs import cases
from .reference import simulate

CASES = cases()
STEPS, BATCH = 200, 3


def driven(name):
    case = CASES[name]
    flat = CASES["recurrent CubaLIF"] if name.endswith("nested") else case
    shape = tuple(case.graph.nodes["input"].input_type["input"])
    xs = (np.random.default_rng(7).random((STEPS, BATCH, *shape)) < 0.3).astype(np.float64)
    return case, flat, xs


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", ["euler", "exact"])
@pytest.mark.parametrize("simplify", [True, False])
def test_every_graph_gives_what_the_reference_gives(name, method, simplify):
    case, flat, xs = driven(name)
    expected = simulate(flat.graph, xs, case.dt, method, case.late)["output"]
    net = from_nir(case.graph, dt=case.dt, method=method, simplify=simplify)
    ys = snn.unroll(net, torch.tensor(xs)).detach().numpy()
    assert expected.any()
    if "LI" in name.split(",")[0].split() or name == "CubaLI":
        np.testing.assert_allclose(ys, expected, rtol=1e-12, atol=1e-13)
    else:
        np.testing.assert_array_equal(ys, expected)


@pytest.mark.parametrize("name", CASES)
def test_a_loop_of_steps_and_a_sequence_give_the_same(name):
    case, _, xs = driven(name)
    net = from_nir(case.graph, dt=case.dt)
    xs = torch.tensor(xs[:20])
    ys, last = net.unroll(xs)
    state, outs = None, []
    for x in xs:
        y, state = net.step(x, state)
        outs.append(y)
    torch.testing.assert_close(torch.stack(outs), ys)
    torch.testing.assert_close(state, last)
    torch.testing.assert_close(snn.unroll(net, xs, schedule="steps"), ys)


@pytest.mark.parametrize("name", CASES)
def test_float32_gives_the_same_spikes(name):
    case, flat, xs = driven(name)
    net = from_nir(case.graph, dt=case.dt).float()
    ys = snn.unroll(net, torch.tensor(xs, dtype=torch.float32)).detach().numpy()
    expected = simulate(flat.graph, xs, case.dt, "euler", case.late)["output"]
    np.testing.assert_allclose(ys, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in CASES if "recurrent" not in n])
@pytest.mark.parametrize("simplify", [True, False])
def test_graphs_without_a_cycle_run_layer_by_layer(name, simplify):
    case, _, xs = driven(name)
    net = from_nir(case.graph, dt=case.dt, simplify=simplify)
    assert snn.backends.explain(net, torch.tensor(xs)).kind == "layers"


def test_a_cycle_that_is_not_a_recurrent_neuron_runs_step_by_step_and_says_why():
    case, _, xs = driven("recurrent LIF")
    net = from_nir(case.graph, dt=case.dt, simplify=False)
    plan = snn.backends.explain(net, torch.tensor(xs))
    assert plan.kind == "steps"
    assert "a cycle, closed by w_rec -> lif" in plan.reason


def test_a_recurrent_neuron_runs_layer_by_layer():
    case, _, xs = driven("recurrent CubaLIF, nested")
    plan = snn.backends.explain(from_nir(case.graph, dt=case.dt), torch.tensor(xs))
    assert plan.kind == "layers"
    assert [layer.kind for layer in plan.layers] == ["Linear", "RSynaptic"]


def test_the_time_step_of_every_graph_that_has_one_is_found():
    steps = {name: from_nir(CASES[name].graph).time_step for name in CASES if "r = " in name or "with r and" in name}
    assert {name: (step.dt, step.source) for name, step in steps.items()} == dict.fromkeys(steps, (1e-4, "inferred"))
    assert len(steps) == 3


def test_importing_with_a_step_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for case in CASES.values():
            from_nir(case.graph, dt=case.dt)
