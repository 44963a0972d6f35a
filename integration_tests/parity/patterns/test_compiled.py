"""Loops that pass no states, as programs for ``torch.compile`` are written: reset before, and called with the input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .both import equal, learn, louder, run, same, some_fire

STEPS, BATCH = 5, 4


class Net(nn.Module):
    def __init__(self, snn: Any) -> None:
        super().__init__()
        self.fc1 = nn.Linear(6, 8)
        self.lif1 = snn.Leaky(beta=0.95)
        self.fc2 = nn.Linear(8, 3)
        self.lif2 = snn.Synaptic(alpha=0.8, beta=0.9)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.lif1.reset_mem()
        self.lif2.init_synaptic()
        spikes, membranes = [], []
        for _ in range(STEPS):
            spk1, _ = self.lif1(self.fc1(x))
            spk2, _, mem2 = self.lif2(self.fc2(spk1))
            spikes.append(spk2)
            membranes.append(mem2)
        return torch.stack(spikes), torch.stack(membranes)


def batch() -> tuple[Tensor, Tensor]:
    return torch.rand(BATCH, 6), torch.arange(BATCH) % 3


def loss_of(net: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    mem = net(x)[1]
    return sum(nn.functional.cross_entropy(mem[step], labels) for step in range(STEPS))


def test_a_loop_without_states_learns() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net, (x, labels) = louder(Net(snn)), batch()
        spk, mem = net(x)
        return {"spk": some_fire(spk), "mem": mem, **learn(net, lambda: loss_of(net, x, labels))}

    same(program)


@pytest.mark.compiles
def test_it_compiles_as_one_graph_and_learns_the_same() -> None:
    def program(snn: Any, compiled: bool) -> dict[str, Any]:
        net, (x, labels) = louder(Net(snn)), batch()
        called = torch.compile(net, fullgraph=True, backend="eager") if compiled else net
        spk, mem = called(x)
        return {"spk": some_fire(spk), "mem": mem, **learn(net, lambda: loss_of(called, x, labels), steps=2)}

    torch._dynamo.reset()
    result, _ = run(lambda snn: program(snn, compiled=hasattr(snn, "unroll")))
    _, expected = run(lambda snn: program(snn, compiled=False))
    for name, value in expected.items():
        equal(name, result[name], value)


def test_the_next_sample_begins_where_it_was_reset() -> None:
    """Two samples with a reset between them, and two without one."""

    def program(snn: Any) -> dict[str, Any]:
        neuron, spikes = snn.Leaky(beta=0.9), []
        for start in (True, False, True):
            if start:
                neuron.reset_mem()
            for x in torch.rand(STEPS, BATCH, 3):
                spk, mem = neuron(x)
                spikes.append(spk)
        return {"spk": some_fire(torch.stack(spikes)), "mem": mem, "kept": neuron.mem}

    same(program)
