"""A net that version 0.5.1 pickled whole loads and computes what it computed there."""

from __future__ import annotations

import pathlib

import torch

import snn_core as snn

PICKLED = pathlib.Path(__file__).parent / "data" / "pickled-0.5.1.pt"  # {"net": net, "xs": input, "out": its spikes}


def test_a_net_pickled_whole_by_0_5_1_computes_what_it_did() -> None:
    pickled = torch.load(PICKLED, weights_only=False)
    with torch.no_grad():
        out = torch.stack([pickled["net"](x) for x in pickled["xs"]])
    assert 0 < out.mean() < 1
    torch.testing.assert_close(out, pickled["out"], rtol=0, atol=0)
    torch.testing.assert_close(snn.unroll(pickled["net"], pickled["xs"]), pickled["out"], rtol=0, atol=0)


def test_a_surrogate_is_imported_from_its_former_module_too() -> None:
    from snn_core.surrogate.applied import ATan, CustomSurrogate
    from snn_core.surrogate.stochastic import SSO

    assert ATan is snn.surrogate.atan
    assert CustomSurrogate is snn.surrogate.custom_surrogate
    assert SSO is snn.surrogate.SSO


def test_a_neuron_is_imported_from_its_former_module_too() -> None:
    from snn_core.leaky import Leaky
    from snn_core.reset import Zero

    assert Leaky is snn.Leaky
    assert isinstance(snn.Leaky(beta=0.5, reset_mechanism="zero")._reset, Zero)
