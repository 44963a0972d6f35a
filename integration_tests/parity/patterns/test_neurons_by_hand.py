"""Single neurons driven by hand, a loop over a current or over spikes: the first lessons."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from .both import same, some_fire

STEPS = 30


def step_current(height: float, start: int = 3) -> Tensor:
    return torch.cat((torch.zeros(start, 1), torch.full((STEPS - start, 1), height)))


def driven(neuron: Any, current: Tensor, *states: Tensor) -> dict[str, Tensor]:
    spikes, membranes = [], []
    for x in current:
        spk, *states = neuron(x, *states)
        spikes.append(spk)
        membranes.append(states[-1])
    return {"spk": torch.stack(spikes), "mem": torch.stack(membranes)}


@pytest.mark.parametrize(
    "constants",
    [{"R": 5.1, "C": 5e-3, "time_step": 1e-3}, {"R": 5, "C": 10}, {"beta": 0.85}, {"beta": 0.9, "C": 2.0}],
    ids=str,
)
def test_a_lapicque_neuron_charges_and_fires(constants: dict[str, Any]) -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.Lapicque(**constants, reset_mechanism="subtract")
        scale = 0.21 if "R" in constants else 4.0
        return driven(neuron, step_current(scale), torch.zeros(1)) | {"resistance": neuron.R, "capacity": neuron.C}

    same(program)


def test_a_lapicque_neuron_decays_from_where_it_starts() -> None:
    def program(snn: Any) -> dict[str, Any]:
        return driven(snn.Lapicque(R=5, C=1e-3, time_step=1e-3), torch.zeros(STEPS, 1), torch.full((1,), 0.9))

    same(program)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("shape", [(1,), (1, 1), (2, 3)], ids=str)
def test_a_leaky_neuron_that_is_driven_by_a_constant_current(reset: str, shape: tuple[int, ...]) -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.Leaky(beta=0.8, threshold=1.1, reset_mechanism=reset)
        return driven(neuron, torch.full((STEPS, *shape), 0.35), neuron.init_leaky())

    same(program)


def test_a_leaky_neuron_behind_one_weight_answers_to_random_spikes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        spikes = snn.spikegen.rate_conv(torch.full((STEPS, 1), 0.4))
        numbers = driven(snn.Leaky(beta=0.819), 0.61 * spikes, torch.zeros(1))
        return numbers | {"spk in": some_fire(spikes)}

    same(program)


@pytest.mark.parametrize("reset", ["subtract", "none"])
def test_a_synaptic_neuron_with_currents_and_membranes_passed_on(reset: str) -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.Synaptic(alpha=0.9, beta=0.8, reset_mechanism=reset)
        spikes = torch.cat((torch.zeros(1), torch.ones(2), torch.zeros(5), torch.ones(1), torch.zeros(9))).unsqueeze(1)
        return driven(neuron, 0.2 * spikes, *neuron.init_synaptic())

    same(program)


def test_an_alpha_neuron_rises_and_falls() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.Alpha(alpha=0.8, beta=0.7)
        spikes = torch.zeros(STEPS, 1)
        spikes[[3, 4, 9]] = 0.85
        return driven(neuron, spikes, *neuron.init_alpha())

    same(program)


def test_a_recurrent_neuron_hears_its_own_spikes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.RLeaky(beta=0.8, V=-0.5, all_to_all=False, learn_recurrent=False, reset_mechanism="subtract")
        spk, mem = neuron.init_rleaky()
        spikes, membranes = [], []
        for x in torch.full((STEPS, 1), 0.6):
            spk, mem = neuron(x, spk, mem)
            spikes.append(spk)
            membranes.append(mem)
        return {"spk": some_fire(torch.stack(spikes)), "mem": torch.stack(membranes)}

    same(program)


def test_a_membrane_that_starts_above_its_threshold_is_reset_before_it_fires() -> None:
    def program(snn: Any) -> dict[str, Any]:
        return driven(snn.Leaky(beta=0.5), torch.full((STEPS, 2, 2), 0.45), torch.full((2, 2), 3.0))

    same(program)
