"""Tests of the source of a graph's time step."""

from __future__ import annotations

import warnings

import nir
import numpy as np
import pytest

from snn_nir import NIRWarning
from snn_nir.importing.time_step import evidence, time_step

from .graphs import cuba, full, lif


def rockpool(dt, *taus):
    tau = np.array(taus)
    r = tau * np.exp(-dt / tau) / dt
    return nir.CubaLIF(tau_syn=tau / 2, tau_mem=tau, r=r, v_leak=np.zeros(len(tau)), v_threshold=np.ones(len(tau)))


def test_an_argument_takes_precedence():
    step = time_step({"a": lif(r=25.0)}, {"dt": 1e-3, "method": "exact"}, dt=2e-4, method="euler")
    assert (step.dt, step.method, step.source) == (2e-4, "euler", "given")


def test_recorded_values_take_precedence_over_inferred_ones():
    step = time_step({"a": lif(r=25.0)}, {"dt": 1e-3, "method": "exact", "time_unit": "s"})
    assert (step.dt, step.method, step.source) == (1e-3, "exact", "metadata")


@pytest.mark.parametrize(
    "nodes",
    [
        {"a": lif(tau=2.5e-3, r=25.0)},
        {"a": nir.LI(tau=full(2.5e-3), r=full(25.0), v_leak=full(0))},
        {"a": cuba(r=10.0, w=5.0)},
        {"a": cuba(nir.CubaLI, w=5.0)},
        {"a": nir.IF(r=full(1e4), v_threshold=full(1))},
        {"a": nir.I(r=full(1e4))},
        {"a": lif(tau=np.array([1e-3, 2e-3, 5e-3]), r=np.array([10.0, 20.0, 50.0]), n=3), "b": lif(), "c": cuba(w=5.0)},
    ],
)
def test_a_resistance_that_undoes_the_step_tells_it(nodes):
    step = time_step(nodes, {})
    assert (step.dt, step.source, step.method) == (1e-4, "inferred", "euler")
    assert step.evidence[0].node == "a"


def test_evidence_reads_as_a_sentence():
    steps = evidence({"hidden": cuba(r=10.0, w=5.0)})
    assert list(map(str, steps)) == [
        "node 'hidden': dt = tau_mem / r = 0.0001",
        "node 'hidden': dt = tau_syn / w_in = 0.0001",
    ]


@pytest.mark.parametrize("beta", [[0.9], [0.9, 0.55, 0.75]])
def test_the_exact_convention_is_distinguished_from_euler(beta):
    beta = np.array(beta)
    node = lif(n=len(beta), tau=-1e-4 / np.log(beta), r=1 / (1 - beta))
    step = time_step({"a": node}, {})
    assert (step.dt, step.method) == (1e-4, "exact")
    assert time_step({"a": node}, {}, method="euler").method == "euler"


@pytest.mark.parametrize("taus", [[2.5e-3], [2.5e-3, 1e-2]])
def test_the_convention_of_rockpool_is_distinguished_from_euler(taus):
    step = time_step({"a": rockpool(1e-4, *taus)}, {})
    assert (step.dt, step.method, step.source) == (1e-4, "euler", "inferred")


def test_a_step_that_no_convention_makes_round_is_read_as_euler():
    assert time_step({"a": lif(tau=1.0, r=7.123456)}, {}).dt == pytest.approx(1 / 7.123456)


@pytest.mark.parametrize("node", [lif(tau=0.02, r=0.5), lif(tau=0.02, r=0.4), cuba(w=0.5), cuba(nir.CubaLI, r=0.3)])
def test_a_gain_below_one_does_not_tell_a_step_longer_than_the_time_constant(node):
    with pytest.warns(NIRWarning, match="NIR501: graph: .*dt = 0.0001 s is assumed"):
        step = time_step({"a": node}, {})
    assert (step.dt, step.source) == (1e-4, "assumed")


def test_rockpool_may_step_almost_as_far_as_a_time_constant():
    node = rockpool(1e-3, 1e-3)
    assert node.r[0] < 1
    assert time_step({"a": node}, {}).dt == 1e-3


def test_an_integrator_may_take_a_step_longer_than_the_unit():
    assert time_step({"a": nir.IF(r=full(0.5), v_threshold=full(1))}, {}).dt == 2.0


def test_contradictory_evidence_does_not_count():
    nodes = {"a": lif(tau=1e-3, r=10.0), "b": lif(tau=1e-3, r=3.0)}
    with pytest.warns(NIRWarning) as record:
        step = time_step(nodes, {})
    assert [w.message.code for w in record] == ["NIR502", "NIR501"]
    assert "dt = tau / r = 0.0001; node 'b': dt = tau / r = 0.000333333" in str(record[0].message)
    assert (step.dt, step.source) == (1e-4, "assumed")


def test_contradictory_neurons_of_one_node_do_not_count_either():
    with pytest.warns(NIRWarning) as record:
        assert time_step({"a": lif(tau=1e-3, r=np.array([10.0, 3.0]), n=2)}, {}).source == "assumed"
    assert [w.message.code for w in record] == ["NIR502", "NIR501"]


def test_the_step_is_assumed_with_a_warning_without_evidence():
    with pytest.warns(NIRWarning, match="NIR501: graph: no time step is recorded: dt = 0.0001 s is assumed; pass dt"):
        assert time_step({"a": lif()}, {}).dt == 1e-4


def test_integrate_and_fire_alone_with_unit_resistance_counts_steps():
    node = nir.IF(r=full(1.0), v_threshold=full(1.0))
    with pytest.warns(NIRWarning, match="taken as one unit of input per step: dt = 1; pass dt=1"):
        assert time_step({"a": node}, {}).dt == 1.0
    with pytest.warns(NIRWarning, match="dt = 0.0001 s is assumed"):
        assert time_step({"a": node, "b": lif()}, {}).dt == 1e-4


@pytest.mark.parametrize(("unit", "dt"), [("s", 1.0), ("ms", 1e-3)])
def test_integrate_and_fire_alone_counts_steps_in_any_unit(unit, dt):
    with pytest.warns(NIRWarning, match=f"one unit of input per step: dt = {dt:g}; pass dt={dt:g} to confirm"):
        step = time_step({"a": nir.IF(r=full(1.0), v_threshold=full(1.0))}, {}, time_unit=unit)
    assert (step.dt, step.in_units) == (dt, 1.0)


def test_a_graph_without_time_needs_no_step():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert time_step({"a": nir.Scale(full(2.0))}, {}).source == "assumed"


def test_units_convert_the_step_to_that_of_the_time_constants():
    assert time_step({}, {}, dt=1e-3, time_unit="ms").in_units == pytest.approx(1.0)
    assert time_step({}, {}, dt=1e-3).in_units == 1e-3
    assert time_step({}, {}, time_unit="step").in_units == 1.0
    assert time_step({"a": lif(tau=2.5, r=25.0)}, {}, time_unit="ms").dt == 1e-4
    assert time_step({}, {"time_unit": "ms", "dt": 1e-3}).in_units == pytest.approx(1.0)


@pytest.mark.parametrize("dt", [0, -1e-4, float("nan"), float("inf")])
def test_a_step_must_be_positive(dt):
    with pytest.raises(ValueError, match="dt must be greater than 0, got"):
        time_step({}, {}, dt=dt)


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="time_unit must be one of s, ms, step, got 'us'"):
        time_step({}, {}, time_unit="us")
    with pytest.raises(ValueError, match="method must be one of euler, exact, got 'heun'"):
        time_step({}, {}, method="heun")
    with pytest.raises(ValueError, match=r"time_unit='step' counts time in steps, so dt is 1; got dt=0.001"):
        time_step({}, {}, dt=1e-3, time_unit="step")


@pytest.mark.parametrize("dt", [np.inf, np.nan, 0.0, -1.0, "1e-4"])
def test_a_recorded_step_that_is_none_is_not_used(dt):
    assert time_step({"a": lif(r=25.0)}, {"dt": dt}).source == "inferred"


def test_a_recorded_method_that_is_none_is_reported():
    with pytest.warns(NIRWarning, match="NIR304: graph: .*its method is 'heun', 'euler' is used"):
        assert time_step({"a": lif(r=25.0)}, {"dt": 1e-4, "method": "heun"}).method == "euler"
    assert time_step({"a": lif(r=25.0)}, {"dt": 1e-4, "method": "heun"}, method="exact").method == "exact"
    with pytest.raises(ValueError, match="method must be one of euler, exact, got 'heun'"):
        time_step({}, {}, method="heun")
