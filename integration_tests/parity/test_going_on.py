"""Neurons that keep no state of their own and are called without one: after a reset, they go on as the peer's do."""

from __future__ import annotations

from typing import Any

import pytest
import snntorch as peer
import torch
from torch import Tensor, nn

import snn_core as ours

from .cases import KINDS, Case, Kind
from .comparison import MARGIN, assert_close, call, draw, gradients, pair
from .exclusions import SHARED

STEPPING = [kind for kind in KINDS if kind.neuron != "DeltaLeaky"]  # the peer's takes no call without a state
RESETS = ["reset_mem", "init"]


def first(kind: Kind) -> Case:
    return next(case for case in SHARED if case.kind is kind)


def steps(kind: Kind, neuron: nn.Module, xs: Tensor) -> tuple[Tensor, ...]:
    """Spikes and states of a loop that neither keeps nor passes a state."""
    trace = []
    for x in xs:
        spk, states = call(kind, neuron, x, ())
        trace.append((spk, *states))
    return tuple(map(torch.stack, zip(*trace, strict=True)))


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", STEPPING, ids=str)
def test_after_a_reset_a_loop_without_states_is_the_peers(kind: Kind, reset: str) -> None:
    name = reset if reset == "reset_mem" else f"init_{kind.neuron.lower()}"
    case = first(kind)
    own, peer_neuron = pair(case, 0)
    for _ in range(2):  # the second time from the state that the first has left
        xs = draw(case, 0).xs.requires_grad_()
        result = []
        for neuron in (own, peer_neuron):
            getattr(neuron, name)()
            out = steps(kind, neuron, xs)
            result.append((out, gradients(neuron, out, {"input": xs})))
        (left, left_grads), (right, right_grads) = result
        for index, (a, b) in enumerate(zip(left, right, strict=True)):
            assert_close(a, b, 1e-5, f"output {index}")
        for key, grad in right_grads.items():
            assert_close(left_grads[key], grad, 1e-5 * max(float(grad.abs().max()), 1e-3), key)


def test_a_run_continues_from_a_passed_state_as_the_peer() -> None:
    mems = []
    for package in (ours, peer):
        lif = package.Leaky(0.75, reset_mechanism="none")
        mem = lif.reset_mem()
        for _ in range(3):
            _, mem = lif(torch.ones(2, 3), mem)
        mems.append((lif(torch.ones(2, 3))[1], lif.mem))
    assert torch.equal(*(mem for mem, _ in mems))
    assert torch.equal(*(mem for _, mem in mems))


class Fullgraph(nn.Module):
    """A loop as the peer's tutorial writes it for ``torch.compile``."""

    def __init__(self, package: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(7, 5)
        self.lif = package.Leaky(beta=0.9)

    def forward(self, x: Tensor) -> Tensor:
        self.lif.init_leaky()
        return torch.stack([self.lif(self.fc(x))[1] for _ in range(9)])


@pytest.mark.parametrize("backend", [None, "eager"])
def test_a_loop_without_states_is_the_peers_compiled_and_not(backend: str | None) -> None:
    torch._dynamo.reset()
    neuron, peer_neuron = Fullgraph(ours), Fullgraph(peer)
    neuron.load_state_dict(peer_neuron.state_dict())
    net = neuron if backend is None else torch.compile(neuron, backend=backend, fullgraph=True)
    for x in torch.rand(2, 3, 7) * 3:
        expected = peer_neuron(x)
        assert (expected > 1).any()
        assert float((expected.detach() - 1).abs().min()) > MARGIN
        assert_close(net(x), expected, 1e-6, "membrane")


@pytest.mark.parametrize("shape", [(1,), ()], ids=str)
@pytest.mark.parametrize("name", ["Leaky", "Lapicque", "Synaptic", "Alpha"])
def test_a_number_as_input_takes_a_state_of_one_element_as_the_peers(name: str, shape: tuple[int, ...]) -> None:
    arguments = {"Synaptic": (0.8, 0.9), "Alpha": (0.9, 0.8)}.get(name, (0.9,))
    result = []
    for package in (ours, peer):
        neuron = getattr(package, name)(*arguments)
        states = [torch.zeros(shape) for _ in range({"Synaptic": 2, "Alpha": 3}.get(name, 1))]
        trace = []
        for value in torch.tensor([0.2, 0.9, 0.4, 0.1, 0.0]):
            spk, *states = neuron(value, *states)
            trace.append(torch.stack([spk, *states]))
        result.append(torch.stack(trace))
    assert_close(*result, 1e-6, "spikes and states")
