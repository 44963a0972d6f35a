"""Modules of graphs that version 0.5.1 pickled whole load and compute what they computed there."""

from __future__ import annotations

import pathlib

import torch

import snn_core as snn
import snn_nir

PICKLED = pathlib.Path(__file__).parent / "data" / "pickled-0.5.1.pt"  # nested, with a cycle; as it is, and simplified


def test_graphs_pickled_whole_by_0_5_1_compute_what_they_did() -> None:
    pickled = torch.load(PICKLED, weights_only=False)
    for net, expected in zip(pickled["nets"], pickled["outs"], strict=True):
        assert isinstance(net, snn_nir.GraphModule)
        with torch.no_grad():
            out = torch.stack([net(x) for x in pickled["xs"]])
        assert 0 < out.mean() < 1
        torch.testing.assert_close(out, expected, rtol=0, atol=0)
        snn.utils.reset(net)
        again = snn_nir.to_nir(net, pickled["xs"][0], dt=net.time_step.dt)
        assert {"input", "output"} < set(again.nodes)
