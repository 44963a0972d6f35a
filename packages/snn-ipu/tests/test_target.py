"""The target ``ipu`` of ``snn.backends``, held to the conformance suite of the core."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import snn_core as snn
import snn_ipu
from snn_core import backends
from snn_core.backends import conformance

from . import nets


def test_it_is_found_by_name_and_says_why_it_does_not_run_here():
    target = backends.get("ipu")
    assert isinstance(target, snn_ipu.Ipu)
    (status,) = (s for s in backends.status() if s.name == "ipu")
    assert (status.kind, status.ok) == ("target", False)
    assert status.reason.startswith("PopTorch is not importable in this Python")


def test_it_conforms_without_an_ipu():
    assert conformance.failures(snn_ipu.Ipu()) == []


def test_it_conforms_on_the_double(poptorch):
    assert snn_ipu.Ipu().availability() == backends.Availability(True, "PopTorch with an IPU")
    assert conformance.failures(snn_ipu.Ipu()) == []


def test_without_a_device_it_is_not_available(poptorch, monkeypatch):
    monkeypatch.setattr(poptorch, "attached", False)
    assert snn_ipu.Ipu().availability().reason.startswith("PopTorch is active, but no IPU is attached")


def test_compiled_for_the_cpu_it_gives_what_unroll_gives():
    net = nets.projected("rsynaptic").float()
    xs = nets.example(dtype=torch.float32)
    result, expected = snn_ipu.Ipu().compile(net, xs, target="cpu")(xs), snn.unroll(net, xs)
    assert result[0].equal(expected[0])
    for a, b in zip(result, expected):
        torch.testing.assert_close(a, b)


def test_its_outputs_keep_their_structure():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lif = snn.Leaky(beta=0.9, init_hidden=True, output=True)

        def forward(self, x):
            spk, mem = self.lif(x)
            return {"spk": spk, "both": [spk, mem]}

    xs = nets.example(dtype=torch.float32)
    out = snn_ipu.Ipu().compile(Named(), xs, target="cpu")(xs)
    assert out["spk"].shape == out["both"][1].shape == xs.shape


def test_errors_are_those_of_backends():
    net, xs = nets.projected("leaky").float(), nets.example(dtype=torch.float32)
    with pytest.raises(backends.BackendError, match="PopTorch is not importable"):
        snn_ipu.Ipu().compile(net, xs)
    with pytest.raises(backends.BackendError, match="IPU005"):
        snn_ipu.Ipu().compile(nn.Sequential(snn.Leaky(beta=0.9)), xs, target="cpu")
    with pytest.raises(TypeError, match="takes one example"):
        snn_ipu.Ipu().check(net)
    with pytest.raises(TypeError, match="no setting 'speed'"):
        snn_ipu.Ipu().compile(net, xs, speed=1)


def test_its_issues_are_those_of_check():
    net, xs = nn.Sequential(snn.Leaky(beta=0.9)), nets.example(dtype=torch.float32)
    assert snn_ipu.Ipu().check(net, xs) == snn_ipu.check(net, xs)
