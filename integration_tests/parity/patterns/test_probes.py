"""Monitors: what layers get and give, attributes of neurons, and gradients on their way back."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .both import louder, same

STEPS, BATCH = 5, 3


def net_of(snn: Any) -> nn.Module:
    return louder(
        nn.Sequential(
            nn.Linear(6, 7),
            snn.Leaky(beta=0.8, init_hidden=True),
            nn.Linear(7, 4),
            snn.Leaky(beta=0.8, init_hidden=True),
        )
    )


def test_spikes_inputs_and_membranes_are_recorded() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net, probe = net_of(snn), snn.functional.probe
        spikes = probe.OutputMonitor(net, snn.Leaky)
        inputs = probe.InputMonitor(net, instance=nn.Linear)
        membranes = probe.AttributeMonitor("mem", False, net, instance=snn.Leaky)
        rates = probe.OutputMonitor(net, instance=snn.Leaky, function_on_output=lambda spk: spk.mean())
        with torch.no_grad():
            for x in torch.rand(STEPS, BATCH, 6):
                net(x)
            for monitor in (spikes, inputs, membranes):
                monitor.disable()
            net(torch.rand(BATCH, 6))
        numbers = {
            "layers": [*spikes.monitored_layers, *inputs.monitored_layers],
            "spk all": spikes.records,
            "spk of one": spikes["3"],
            "inputs": inputs.records,
            "membranes": membranes["1"],
            "rates": rates.records,
        }
        spikes.clear_recorded_data()
        spikes.enable()
        net(torch.rand(BATCH, 6))
        numbers["spk after"] = spikes.records
        for monitor in (spikes, inputs, membranes, rates):
            monitor.remove_hooks()
        return numbers

    same(program)


def test_gradients_are_recorded_on_their_way_back() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net, probe = net_of(snn), snn.functional.probe
        outwards = probe.GradOutputMonitor(net, nn.Linear)
        inwards = probe.GradInputMonitor(net, nn.Linear, function_on_grad_input=torch.norm)
        sum(net(x).sum() for x in torch.rand(STEPS, BATCH, 6, requires_grad=True)).backward()
        return {"outwards": outwards.records, "inwards": inwards["2"]}

    same(program)
