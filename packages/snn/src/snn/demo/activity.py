"""The activity of each layer of a trained network, and the operations of its synapses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import snn
from snn.demo.task import Part, Task, present
from snn.demo.training import batches

if TYPE_CHECKING:
    from snn_functional.statistics import SynapticOperations

__all__ = ["activity"]


@torch.no_grad()
def activity(task: Task, net: nn.Module, part: Part) -> list[dict[str, Any]]:
    """Measure the neurons of each layer while a network is shown a part of the data.

    Returns:
        For each layer its ``name``, number of ``neurons``, mean firing ``rate`` in spikes per neuron and step, number
        of ``dead`` neurons, which never fire, and of ``saturated`` ones, which fire in every step, and the ``rates`` of
        the neurons one by one; and for the synapses that lead to it: ``synops``, their operations per sample as
        ``snn_functional.synops`` counts them, ``macs``, the operations among them that multiply, and ``dense``, the
        operations if no zero were skipped.
    """
    counts: dict[str, Tensor] = {}
    steps = 0
    with (
        snn.functional.probe.OutputMonitor(net, snn.SpikingNeuron) as spikes,
        snn.functional.statistics.SynopsMonitor(net) as synapses,
    ):
        for batch in batches(task, part):
            present(net, batch)
            # a record is one step of the samples that are still running
            records = {name: torch.cat(spikes[name]).flatten(1) for name in spikes.monitored_layers}
            steps += len(next(iter(records.values())))
            for name, spk in records.items():
                fired = spk.count_nonzero(0)
                counts[name] = counts[name] + fired if name in counts else fired
            spikes.clear_recorded_data()
    operations = _by_neurons(net, counts, synapses.count.layers)
    return [
        {
            "name": name,
            "neurons": len(count),
            "rate": count.sum().item() / (steps * len(count)),
            "dead": int((count == 0).sum()),
            "saturated": int((count == steps).sum()),
            "synops": (operations[name].acs + operations[name].macs) / len(part),
            "macs": operations[name].macs / len(part),
            "dense": operations[name].dense / len(part),
            "rates": (count.double() / steps).tolist(),
        }
        for name, count in counts.items()
    ]


def _by_neurons(
    net: nn.Module, neurons: Collection[str], counted: Mapping[str, SynapticOperations]
) -> dict[str, SynapticOperations]:
    """Add up the operations of the synapses that lead to each layer of neurons, before it and within it."""
    leads_to: dict[str, str] = {}
    before: list[str] = []
    for name, _ in net.named_modules():
        within = [neuron for neuron in neurons if name.startswith(f"{neuron}.")]
        if name in neurons:
            leads_to |= dict.fromkeys(before, name)
            before = []
        elif name in counted and within:
            leads_to[name] = within[0]
        elif name in counted:
            before.append(name)
    none = snn.functional.statistics.SynopsCount({}, ()).total
    return {neuron: sum((counted[name] for name in counted if leads_to[name] == neuron), none) for neuron in neurons}
