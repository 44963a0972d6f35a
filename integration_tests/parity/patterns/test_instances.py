"""Programs ask neurons for their class and options, and have them forget or detach their states."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from .both import same

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Leaky": (0.9,),
    "RLeaky": (0.9, 1.0, False),
    "Synaptic": (0.8, 0.9),
    "RSynaptic": (0.8, 0.9, 1.0, False),
    "Lapicque": (0.9,),
    "Alpha": (0.9, 0.8),
    "SLSTM": (3, 3),
    "SConv2dLSTM": (1, 1, 3),
}


def test_neurons_are_distinguished_from_other_layers() -> None:
    def program(snn: Any) -> dict[str, Any]:
        layers = [getattr(snn, name)(*arguments) for name, arguments in ARGUMENTS.items()]
        net = nn.ModuleList([nn.Linear(2, 2), *layers])
        return {
            "spiking": [isinstance(layer, snn.SpikingNeuron) for layer in net],
            "lif": [isinstance(layer, snn.LIF) for layer in net],
            "subclasses": [issubclass(getattr(snn, name), nn.Module) for name in ARGUMENTS],
            "names": [type(layer).__name__ for layer in net],
        }

    same(program)


def test_options_are_read_from_neurons() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.Leaky(0.9, threshold=0.7, init_hidden=True, reset_mechanism="zero", graded_spikes_factor=2.0)
        return {
            "options": [neuron.init_hidden, neuron.inhibition, neuron.output, neuron.reset_delay],
            "reset": neuron.reset_mechanism,
            "value": neuron.reset_mechanism_val,
            "constants": [neuron.beta, neuron.threshold, neuron.graded_spikes_factor],
            "dictionary": list(snn.SpikingNeuron.reset_dict.values()),
        }

    same(program)


def test_decays_and_thresholds_are_collected_for_a_plot() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = nn.Sequential(
            nn.Linear(3, 4),
            snn.Leaky(beta=torch.rand(4), threshold=torch.rand(4), learn_beta=True, learn_threshold=True),
            nn.Linear(4, 4),
            snn.Synaptic(alpha=torch.rand(4), beta=torch.rand(4), learn_alpha=True, learn_beta=True),
        )
        names = ("alpha", "beta", "threshold")
        return {name: p.detach() for name, p in net.named_parameters() if name.split(".")[-1] in names}

    same(program)


def test_two_groups_of_parameters_have_their_own_rates() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = nn.Sequential(nn.Linear(3, 4), snn.Leaky(torch.rand(4), learn_beta=True, init_hidden=True, output=True))
        groups = [{"params": net[0].parameters(), "lr": 0.1}, {"params": [net[1].beta], "lr": 1e-3}]
        optimizer = torch.optim.SGD(groups)
        x = torch.rand(2, 3)
        sum(net(x)[1].sum() for _ in range(4)).backward()
        optimizer.step()
        return {"weight": net[0].weight, "beta": net[1].beta}

    same(program)


def test_a_net_is_frozen_but_for_its_last_layer() -> None:
    def program(snn: Any) -> dict[str, Any]:
        layers = (nn.Linear(3, 4), snn.Leaky(0.9, learn_beta=True, init_hidden=True), nn.Linear(4, 2))
        net = nn.Sequential(*layers, snn.Leaky(0.9, init_hidden=True, output=True))
        for p in net[:2].parameters():
            p.requires_grad = False
        sum(net(3 * torch.rand(2, 3))[1].sum() for _ in range(4)).backward()
        return {"gradients": [p.grad is not None for p in net.parameters()], "grad": net[2].weight.grad}

    same(program)


def test_a_copy_of_a_net_before_it_runs_is_another_net() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = nn.Sequential(nn.Linear(3, 4), snn.Leaky(0.9, init_hidden=True, output=True))
        twin = copy.deepcopy(net)
        xs = torch.rand(2, 5, 3)
        snn.utils.reset(net)
        spk, mem = [net(x) for x in xs][-1]
        return {"spk": spk, "mem": mem, "twin": twin(xs[0])[1]}

    same(program)


def test_one_neuron_forgets_its_state_and_another_lets_it_go() -> None:
    """Of each kind one, as the peer's methods reach all neurons of a kind."""

    def program(snn: Any) -> dict[str, Any]:
        first, second = snn.Leaky(0.9, init_hidden=True), snn.Lapicque(beta=0.8, init_hidden=True, output=True)
        x = torch.rand(2, 3, requires_grad=True)
        for _ in range(2):
            second(first(x))
        first.reset_hidden()
        second.detach_hidden()
        _, mem = second(first(x))
        (grad,) = torch.autograd.grad(mem.sum(), x)
        return {"kept": first.mem, "mem": mem, "grad": grad}

    same(program)


def test_a_neuron_has_its_constants_in_the_peers_shapes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.Lapicque(R=5.1, C=5e-3, time_step=1e-3)
        return {"beta": neuron.beta, "R": neuron.R, "C": neuron.C, "time constant": neuron.R * neuron.C}

    same(program)
