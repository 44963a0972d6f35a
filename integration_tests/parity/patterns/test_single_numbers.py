"""Neurons that are driven by a number without an axis, and states of one element."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from .both import same, some_fire


@pytest.mark.parametrize("name", ["Leaky", "Lapicque", "Synaptic", "Alpha"])
def test_a_current_is_a_vector_and_each_step_a_number(name: str) -> None:
    def program(snn: Any) -> dict[str, Any]:
        constants = {"Synaptic": (0.9, 0.8), "Alpha": (0.9, 0.8)}.get(name, (0.8,))
        neuron = getattr(snn, name)(*constants, reset_mechanism="none")
        states: list[Tensor] = [torch.zeros(1) for _ in range({"Synaptic": 2, "Alpha": 3}.get(name, 1))]
        spikes, membranes = [], []
        for x in torch.cat((torch.zeros(4), 1.2 * torch.ones(12), torch.zeros(8))):
            spk, *states = neuron(x, *states)
            spikes.append(spk)
            membranes.append(states[-1])
        return {"spk": some_fire(torch.stack(spikes)), "mem": torch.stack(membranes)}

    same(program)


def test_a_neuron_is_plotted_step_by_step() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron, mem = snn.Leaky(beta=0.8), torch.ones(1) * 0.9
        record, spikes = [mem], []
        for _ in range(30):
            spk, mem = neuron(torch.tensor([0.25]), mem)
            record.append(mem)
            spikes.append(spk)
        return {"spk": some_fire(torch.stack(spikes)), "mem": torch.stack(record)}

    same(program)
