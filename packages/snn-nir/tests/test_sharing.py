"""Weights that are one."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

from snn_nir import NIRWarning, from_nir

from .graphs import DT, chain, lif, recurrent


def linear(seed=0, **shared):
    metadata = {"snn_nir": {"shared_with": shared}} if shared else {}
    return nir.Linear(np.random.default_rng(seed).normal(size=(3, 3)), metadata=metadata)


def test_a_weight_recorded_as_shared_is_one_parameter():
    net = from_nir(chain(linear(), linear(weight="n0")))
    assert net["n0"].weight is net["n1"].weight
    assert len(list(net.parameters())) == 1
    net(torch.ones(1, 3).double()).sum().backward()
    w, ones = net["n0"].weight.detach(), torch.ones(3, 3).double()
    torch.testing.assert_close(net["n0"].weight.grad, w.T @ ones + ones @ w.T)


def test_weights_that_differ_by_now_stay_apart_aloud():
    with pytest.warns(NIRWarning, match="NIR304: node 'n1': .*weight was shared with node 'n0' and now differs"):
        net = from_nir(chain(linear(0), linear(1, weight="n0")))
    assert net["n0"].weight is not net["n1"].weight


@pytest.mark.parametrize("shared", [{"weight": "nobody"}, {"nothing": "n0"}, {"bias": "n0"}])
def test_a_record_of_a_missing_node_is_left_out(shared):
    assert len(list(from_nir(chain(linear(), linear(**shared))).parameters())) == 2


def test_recurrent_weights_are_shared_with_a_layer():
    graph = recurrent(lif(3, tau=1e-3, r=10.0, thr=1.0), n=3)
    graph.nodes["fc"] = linear()
    graph.nodes["w_rec"] = linear(weight="fc")
    net = from_nir(graph, dt=DT)
    assert net["lif"].recurrent.weight is net["fc"].weight


def test_one_to_one_weights_are_shared_with_a_scale():
    graph = recurrent(lif(3, tau=1e-3, r=10.0, thr=1.0), n=3)
    graph.nodes["fc"] = nir.Scale(np.array([0.5, -1.0, 2.0]))
    tied = {"snn_nir": {"shared_with": {"scale": "fc"}}}
    graph.nodes["w_rec"] = nir.Scale(np.array([0.5, -1.0, 2.0]), metadata=tied)
    net = from_nir(graph, dt=DT)
    assert net["lif"].recurrent.V is net["fc"].scale
