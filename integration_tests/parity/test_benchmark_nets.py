"""The deep nets of the benchmark are the same in each library: outputs, loss, gradients and statistics of a step.

Those of SpikingJelly are compared with its equations written out, since its neurons differ from the others.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from bench.programs import deep
from bench.programs.catalog import PROGRAMS, Outputs
from bench.programs.kit import Kit, Leaky
from bench.programs.kits import ours, snntorch_loop
from bench.programs.worker import Training

with warnings.catch_warnings():  # of its source code
    warnings.simplefilter("ignore")
    from bench.programs.kits import spikingjelly_sequences

SLOPE = 2.0  # of the fast sigmoid that is SpikingJelly's soft sign
NARROW = {"sew-resnet-18": partial(deep.sew_resnet, width=16), "qkformer": deep.qkformer}


class AtOnce(nn.Module):
    """SpikingJelly's neurons on a sequence: they fire at the threshold too, and reset before the decay."""

    def __init__(self, leaky: Leaky) -> None:
        super().__init__()
        self.beta, self.spike = leaky.beta, snn.surrogate.fast_sigmoid(SLOPE)

    def forward(self, xs: Tensor) -> Tensor:
        mem, spks = torch.zeros_like(xs[0]), []
        for x in xs.unbind(0):
            mem = self.beta * mem + x
            spks.append(self.spike(mem - (1 - 1e-12)))
            mem = mem - spks[-1].detach()
        return torch.stack(spks)


def written_out() -> Kit:
    """Return SpikingJelly's kit with these neurons."""
    return dataclasses.replace(spikingjelly_sequences.kit(), neurons=AtOnce)


def step(name: str, kit: Kit) -> dict[str, Any]:
    """Take a step in float64; return outputs, loss, all gradients, and what batch norm remembers."""

    def neurons(leaky: Leaky) -> nn.Module:
        return kit.neurons(dataclasses.replace(leaky, slope=SLOPE))

    entry = dataclasses.replace(PROGRAMS[name], net=NARROW[name], batch=3)
    training = Training(entry, dataclasses.replace(kit, neurons=neurons))
    net = training.net.double()
    out = kit.run(net, training.xs.double())
    assert isinstance(out, Tensor)
    loss = training.program.loss(kit, Outputs(out, out, training.targets))
    loss.backward()
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    return {
        "out": out.detach(),
        "loss": loss.detach(),
        "gradients": [p.grad for p in net.parameters()],
        "statistics": [value for layer in norms for value in layer.buffers()],
    }


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize(
    ("peer", "own"),
    [
        pytest.param(snntorch_loop.kit, ours.kit, id="snnTorch"),
        pytest.param(spikingjelly_sequences.kit, written_out, id="SpikingJelly"),
    ],
)
def test_a_step_is_that_of_the_peer(
    name: str, peer: Callable[[], Kit], own: Callable[[], Kit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # snnTorch's spikes are in float32 otherwise
    expected = step(name, peer())
    torch.testing.assert_close(step(name, own()), expected, rtol=1e-7, atol=1e-9)
    assert expected["out"].std(0).max() > 1e-4  # the steps differ
    assert all(gradient is not None and gradient.any() for gradient in expected["gradients"])
