"""The activity of each layer of a trained network, and the operations of its synapses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import snn
from snn.demo.tasks.task import Part, Task, present
from snn.demo.training import batches

if TYPE_CHECKING:
    from snn_functional.statistics import SynapticOperations

__all__ = ["activity"]


@torch.no_grad()
def activity(task: Task[Any], net: nn.Module, part: Part) -> list[dict[str, Any]]:
    """Measure the neurons of each layer while a network is shown a part of the data.

    Returns:
        For each layer its ``name``, number of ``neurons``, mean firing ``rate`` in spikes per neuron and step, number
        of ``dead`` neurons, which never fire, and of ``saturated`` ones, which fire in every step, and the ``rates`` of
        the neurons one by one; and of the synapses that lead to it ``synops``, their operations per sample as
        ``snn_functional.synops`` counts them, ``macs``, the operations among them that multiply, and ``dense``, the
        operations if no zero were skipped.

    Example:
        >>> from snn.demo.tasks import settings_of, task_of
        >>> task = task_of("digits", settings_of("digits")(hidden=20))
        >>> [(one["name"], one["neurons"]) for one in activity(task, task.network(), task.load().test)]
        [('encoder', 64), ('hidden', 20), ('output', 10)]
    """
    layers: dict[str, _Layer] = {}
    with (
        snn.functional.probe.OutputMonitor(net, snn.SpikingNeuron) as spikes,
        snn.functional.statistics.SynopsMonitor(net) as synapses,
    ):
        for batch in batches(task, part):
            present(net, batch)
            for name in spikes.monitored_layers:
                # a record is one step of the samples that still run; together they are samples of one step
                layers.setdefault(name, _Layer()).see(torch.cat(spikes[name]).unsqueeze(0))
            spikes.clear_recorded_data()
    operations = _by_neurons(net, list(layers), synapses.count.layers)
    return [
        {
            "name": name,
            **layer.described(),
            "synops": (operations[name].acs + operations[name].macs) / len(part),
            "macs": operations[name].macs / len(part),
            "dense": operations[name].dense / len(part),
            "rates": (layer.spikes / layer.steps).tolist(),
        }
        for name, layer in layers.items()
    ]


class _Layer:
    """Spikes of the neurons of a layer, batch after batch."""

    def __init__(self) -> None:
        self.steps = 0
        self.spikes: Any = 0
        self.dead: Any = True
        self.saturated: Any = True

    def see(self, spk: Tensor) -> None:
        steps = spk.shape[0] * spk.shape[1]
        self.steps += steps
        self.spikes += (snn.functional.firing_rate(spk).double() * steps).flatten()
        self.dead &= snn.functional.dead_neurons(spk).flatten()
        self.saturated &= snn.functional.saturated_neurons(spk).flatten()

    def described(self) -> dict[str, Any]:
        return {
            "neurons": len(self.spikes),
            "rate": float(self.spikes.mean() / self.steps),
            "dead": int(self.dead.sum()),
            "saturated": int(self.saturated.sum()),
        }


def _by_neurons(
    net: nn.Module, neurons: Sequence[str], counted: Mapping[str, SynapticOperations]
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
