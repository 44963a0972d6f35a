"""The calling convention that returns the state."""

from __future__ import annotations

import copy

import pytest
import torch

import snn_core as snn
from snn_nir import from_nir, import_nir
from snn_nir.import_nir import import_from_nir

from .graphs import DT, lif, recurrent

GRAPH = recurrent(lif(tau=1e-3, r=10.0, thr=1.0))


def inputs(steps=30):
    return (torch.rand(steps, 2, 3, generator=torch.Generator().manual_seed(0)) < 0.4).double()


@pytest.mark.parametrize("simplify", [True, False])
def test_a_call_returns_output_and_state_and_goes_on_from_it(simplify):
    net, xs = import_from_nir(GRAPH, dt=DT, simplify=simplify), inputs()
    expected, last = from_nir(GRAPH, dt=DT, simplify=simplify).unroll(xs)
    outs = [net(x) for x in xs]
    torch.testing.assert_close(torch.stack([y for y, _ in outs]), expected)
    torch.testing.assert_close(outs[-1][1], last)


@pytest.mark.parametrize("simplify", [True, False])
def test_a_state_that_is_passed_counts_more_than_the_one_kept(simplify):
    net, xs = import_from_nir(GRAPH, dt=DT, simplify=simplify), inputs()
    _, state = net(xs[0])
    expected = copy.copy(net(xs[1], state))
    net(xs[2])
    torch.testing.assert_close(net(xs[1], state), expected)


def test_a_reset_puts_it_at_rest():
    net, xs = import_from_nir(GRAPH, dt=DT), inputs()
    first = net(xs[0])
    net(xs[1])
    snn.utils.reset(net)
    torch.testing.assert_close(net(xs[0]), first)


def test_the_module_is_there_under_its_name():
    assert import_nir.import_from_nir is import_from_nir
