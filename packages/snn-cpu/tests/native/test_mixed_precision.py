"""Under autocast whole nets run their neurons fused, in float32, and the products in between are PyTorch's."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import kernels

HALF = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)


class Curved(snn.SpikingNeuron):
    """A user's own neuron."""

    class State(NamedTuple):
        mem: Tensor

    def integrate(self, x: Tensor, state: State) -> State:
        return self.State(0.7 * state.mem + 0.05 * state.mem.abs() * (state.mem - 0.1) + x)


NEURONS: dict[str, Any] = {
    "leaky": lambda **o: snn.Leaky(torch.linspace(0.1, 0.9, 7), learn_beta=True, learn_threshold=True, **o),
    "synaptic": lambda **o: snn.Synaptic(0.8, 0.6, learn_alpha=True, learn_beta=True, **o),
    "rleaky one to one": lambda **o: snn.RLeaky(0.8, V=0.5, all_to_all=False, **o),
    "a user's": Curved,
}


@HALF
@pytest.mark.parametrize("name", NEURONS)
def test_a_fused_sequence_is_that_of_float32_on_the_rounded_input(name: str, dtype: torch.dtype) -> None:
    neuron, xs = NEURONS[name](), (torch.randn(35, 5, 7) * 0.7 + 0.3).to(dtype).requires_grad_()
    learned = [xs, *(p for p in neuron.parameters() if p.requires_grad)]
    weights = torch.randint(-8, 9, xs.shape) / 8
    spk, last = neuron.unroll(xs.float())
    expected = torch.autograd.grad((weights * spk).sum() + last.mem.sum(), learned)
    with torch.autocast("cpu", dtype):
        assert kernels.choose(neuron, xs).name == "snn-cpu"
        ours, ours_last = neuron.unroll(xs)
    assert spk.any()
    assert torch.equal(ours, spk.to(dtype))
    assert all(map(torch.equal, ours_last, last))
    gradients = torch.autograd.grad((weights * ours.float()).sum() + ours_last.mem.sum(), learned)
    for f, e in zip(gradients, expected, strict=True):
        assert f.dtype == e.dtype
        torch.testing.assert_close(f, e, rtol=1e-6, atol=1e-6)


@HALF
def test_a_whole_net_runs_fused_and_gives_what_its_steps_give(dtype: torch.dtype) -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3),
        snn.Leaky(0.8, init_hidden=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 9),
        snn.Synaptic(0.7, 0.8, init_hidden=True),
        nn.Linear(9, 5),
        Curved(init_hidden=True, output=True),
    )
    xs, results = torch.rand(9, 4, 1, 7, 6), []
    for options in ({}, {"schedule": "steps"}, {"chunk": 4}):
        net.zero_grad()
        with torch.autocast("cpu", dtype):
            spk, mem = snn.unroll(net, xs, **options)
        assert (spk.dtype, mem.dtype) == (dtype, torch.float32)
        (spk.float().sum() + mem.square().mean()).backward()
        results.append((spk, mem, [p.grad for p in net.parameters()]))
    eps = torch.finfo(dtype).eps
    for spk, mem, grads in results[1:]:
        torch.testing.assert_close(spk, results[0][0])
        torch.testing.assert_close(mem, results[0][1], rtol=eps, atol=eps)
        for g, e in zip(grads, results[0][2], strict=True):
            torch.testing.assert_close(g, e, rtol=4 * eps, atol=4 * eps * float(e.abs().max()))
    with torch.autocast("cpu", dtype):
        layers = {layer.kind: layer.how for layer in snn.backends.explain(net, xs).layers}
    assert layers["Linear"] == "all steps at once; dense product (under autocast)"
    assert layers["Leaky"] == layers["Synaptic"] == "snn-cpu (runs its step program)"
    assert layers["Curved"] == "snn-cpu (runs its step program)"
