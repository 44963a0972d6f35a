"""The activity of every neuron of a network while it is shown one sample."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn

import snn
from snn.demo.architecture import layers_of

if TYPE_CHECKING:
    from snn.demo.task import Part, Task

__all__ = ["LayerRecording", "Recording", "record"]


class LayerRecording(NamedTuple):
    """The activity of the neurons of one layer.

    ``spk`` and ``mem`` are ``[num_steps, neurons]`` or, for a convolution, ``[num_steps, channels, height, width]``;
    ``mem`` is in units of the layer's input, and ``threshold`` can be broadcast to it.
    """

    name: str
    spk: Tensor
    mem: Tensor
    threshold: Tensor


class Recording(NamedTuple):
    """One sample, and the response of each layer to it.

    ``sample`` is an image ``[1, height, width]`` or a sequence ``[frames, channels]`` as ``kind`` says, ``input``
    is the network's input, ``[num_steps, ...]``. ``target`` and ``predicted`` are indices into ``classes``;
    ``predicted`` is None if no output neuron fired. The last of ``layers`` is the output. ``net`` describes the
    network: a text for each layer, by its name.
    """

    sample: Tensor
    target: int
    predicted: int | None
    classes: tuple[str, ...]
    input: Tensor
    kind: Literal["image", "sequence"]
    layers: tuple[LayerRecording, ...]
    net: Mapping[str, str] = MappingProxyType({})


@torch.no_grad()
def record(task: Task, net: nn.Module, part: Part, index: int) -> Recording:
    """Show one sample to the network and record every neuron."""
    batch = task.batch(part, [index])
    neurons = {name: module for name, module in net.named_modules() if isinstance(module, snn.SpikingNeuron)}
    with (
        snn.functional.probe.OutputMonitor(net, snn.SpikingNeuron) as spikes,
        snn.functional.probe.AttributeMonitor("mem", False, net, snn.SpikingNeuron) as membranes,
    ):
        counts = snn.unroll(net, batch.input).sum((0, 1))
    layers = tuple(
        LayerRecording(name, torch.cat(spikes[name]), torch.cat(membranes[name]), neuron.threshold.detach().clone())
        for name, neuron in neurons.items()
    )
    return Recording(
        sample=part.data[index],
        target=int(part.targets[index]),
        predicted=int(counts.argmax()) if counts.any() else None,
        classes=task.classes,
        input=batch.input.squeeze(1),
        kind=task.kind,
        layers=layers,
        net=layers_of(net),
    )
