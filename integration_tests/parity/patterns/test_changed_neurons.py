"""Neurons that a program changes from outside while it runs: thresholds that adapt, decays that are set, options."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .both import same, some_fire

STEPS, BATCH, SIZE = 12, 3, 5


def inputs() -> Tensor:
    return torch.rand(STEPS, BATCH, SIZE)


def test_a_threshold_rises_with_each_spike_and_decays() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron, mem, spikes = snn.Leaky(beta=0.9), torch.zeros(BATCH, SIZE), []
        adaptation = torch.zeros(BATCH, SIZE)
        for x in inputs():
            neuron.threshold = 0.8 + 0.5 * adaptation
            spk, mem = neuron(x, mem)
            adaptation = 0.9 * adaptation + 0.1 * spk
            spikes.append(spk)
        return {"spk": some_fire(torch.stack(spikes)), "mem": mem, "threshold": neuron.threshold}

    same(program)


def test_a_threshold_is_added_to_in_place() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron, spikes = snn.Leaky(beta=0.9, threshold=0.5, init_hidden=True), []
        for x in inputs():
            spikes.append(neuron(x))
            neuron.threshold += 0.05 * spikes[-1].mean()
        return {"spk": some_fire(torch.stack(spikes)), "threshold": neuron.threshold}

    same(program)


def test_learned_decays_are_clamped_after_an_update() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.Leaky(beta=torch.tensor([0.1, 0.5, 0.9, 0.99, 0.999]), learn_beta=True)
        optimizer, mem, spikes = torch.optim.SGD(neuron.parameters(), lr=0.5), torch.zeros(BATCH, SIZE), []
        for x in inputs():
            spk, mem = neuron(x, mem)
            spikes.append(spk)
        mem.pow(2).sum().backward()
        optimizer.step()
        neuron.beta.data.clamp_(0, 1)
        return {"spk": torch.stack(spikes), "beta": neuron.beta}

    same(program)


def test_constants_and_the_surrogate_are_set_after_the_neuron_was_made() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.Leaky(beta=0.5, learn_beta=True)
        neuron.beta = nn.Parameter(torch.full((SIZE,), 0.8))
        neuron.threshold = torch.tensor(0.7)
        neuron.spike_grad = snn.surrogate.fast_sigmoid(slope=3)
        mem, spikes, xs = neuron.reset_mem(), [], inputs().requires_grad_()
        for x in xs:
            spk, mem = neuron(x, mem)
            spikes.append(spk)
        grads = torch.autograd.grad(torch.stack(spikes).sum(), [xs, neuron.beta])
        return {"spk": some_fire(torch.stack(spikes)), "mem": mem, "grads": grads}

    same(program)


def test_options_are_switched_on_neurons_of_a_net() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = nn.Sequential(snn.Leaky(0.9), snn.Leaky(0.8))
        for layer in net.modules():
            if isinstance(layer, snn.Leaky):
                layer.init_hidden = True
        net[-1].output = True
        outputs = [net(2 * x) for x in inputs()]
        return {"spk": [spk for spk, _ in outputs], "mem": [mem for _, mem in outputs]}

    same(program)


def test_a_kept_membrane_is_read_and_written_between_steps() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron, spikes, membranes = snn.Leaky(beta=0.9, init_hidden=True), [], []
        for x in inputs():
            spikes.append(neuron(x))
            membranes.append(neuron.mem.clone())
            neuron.mem = neuron.mem.clamp(min=0.1, max=1.2)
        return {"spk": some_fire(torch.stack(spikes)), "seen": membranes}

    same(program)


def test_one_neuron_serves_two_layers_of_different_sizes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        fc1, fc2, neuron = nn.Linear(SIZE, 7), nn.Linear(7, 4), snn.Leaky(beta=0.9, threshold=0.3)
        mem1, mem2, spikes = neuron.init_leaky(), neuron.init_leaky(), []
        for x in 3 * inputs():
            spk, mem1 = neuron(fc1(x), mem1)
            spk, mem2 = neuron(fc2(spk), mem2)
            spikes.append(spk)
        return {"spk": some_fire(torch.stack(spikes)), "mem": [mem1, mem2]}

    same(program)
