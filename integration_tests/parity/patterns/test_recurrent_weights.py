"""Programs that set or share the weights of a recurrent neuron."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .both import run, same, some_fire


def membranes(neuron: Any, xs: torch.Tensor) -> dict[str, Any]:
    spk, mem = neuron.reset_mem()
    spikes = []
    for x in xs:
        spk, mem = neuron(x, spk, mem)
        spikes.append(spk)
    return {"spk": some_fire(torch.stack(spikes)), "mem": mem}


def test_one_weight_a_neuron_is_set_after_the_neuron_was_made() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.RLeaky(beta=0.8, all_to_all=False, V=0.1, reset_mechanism="subtract")
        with torch.no_grad():
            neuron.V.fill_(-0.3)
        return {"V": neuron.V.detach().clone(), **membranes(neuron, 0.8 * torch.rand(20, 2, 3))}

    same(program)


def test_a_dense_recurrence_gets_other_weights() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.RLeaky(beta=0.8, linear_features=3, reset_mechanism="subtract")
        nn.init.constant_(neuron.recurrent.weight, -0.2)
        nn.init.zeros_(neuron.recurrent.bias)
        return membranes(neuron, 0.8 * torch.rand(20, 2, 3))

    same(program)


def test_one_weight_a_neuron_is_replaced() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.RLeaky(beta=0.8, all_to_all=False, V=1.0, learn_recurrent=False, reset_mechanism="subtract")
        neuron.recurrent.V = torch.tensor([-0.4, 0.1, -0.2])
        return membranes(neuron, 0.8 * torch.rand(20, 2, 3))

    same(program)


def test_a_weight_that_is_set_on_the_neuron_is_the_one_it_uses() -> None:
    """The peer goes on with the weight in ``recurrent``, which it has twice."""

    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.RLeaky(beta=0.8, all_to_all=False, V=1.0, reset_mechanism="subtract")
        neuron.V = nn.Parameter(torch.tensor([-0.4, 0.1, -0.2]))
        return {"set": neuron.V.tolist(), "used": neuron.recurrent.V.tolist()}

    result, expected = run(program)
    assert result["set"] == result["used"] == expected["set"]
    assert expected["used"] == 1
