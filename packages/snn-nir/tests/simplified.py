"""A graph imported twice, with and without neurons of snn-core in the place of its nodes."""

from __future__ import annotations

import nir
import numpy as np
import torch

import snn_core as snn
from snn_nir import from_nir

from .graphs import DT, full, spread

TAU, R = 1e-3, 10.0  # beta = 0.9 at DT, and no gain
THR = 0.8


def metadata_of(**entries):
    return {"snn_nir": entries}


def li(n=5, tau=TAU, r=R, **more):
    return nir.LI(tau=full(tau, n), r=full(r, n), v_leak=full(0.0, n), **more)


def soft(amount, mem=None, metadata=None, threshold=THR, output="thr"):
    """LI -> Threshold -> Scale -> LI, behind weights."""
    nodes = {"input": nir.Input(np.array([3])), "fc": spread(), "mem": mem or li(), "output": nir.Output(None)}
    nodes |= {"thr": nir.Threshold(full(threshold)), "back": nir.Scale(full(amount))}
    nodes["mem"].metadata = metadata or {}
    edges = [("input", "fc"), ("fc", "mem"), ("mem", "thr"), ("thr", "back"), ("back", "mem"), (output, "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def kinds(net):
    return [type(m).__name__ for m in net.children()]


def spikes(steps=200, batch=3, shape=(3,), seed=5):
    return torch.tensor(np.random.default_rng(seed).random((steps, batch, *shape)) < 0.35, dtype=torch.float64)


def same(graph, dt=DT, exact=True, shape=(3,), **options):
    """The simplified module, once it gave what the primitives give."""
    net, plain = from_nir(graph, dt=dt, **options), from_nir(graph, dt=dt, simplify=False, **options)
    xs = spikes(shape=shape)
    ys, expected = snn.unroll(net, xs), snn.unroll(plain, xs)
    assert expected.abs().mean() > 0.01
    if exact:
        assert torch.equal(ys, expected)
    else:
        torch.testing.assert_close(ys, expected, rtol=1e-12, atol=1e-13)
    return net
