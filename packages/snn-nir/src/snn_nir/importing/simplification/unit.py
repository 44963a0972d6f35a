"""Nodes that together are one neuron of snn-core, and that neuron."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from snn_core import Alpha, Lapicque, Leaky, Readout, RLeaky, RSynaptic, SpikingNeuron, Synaptic
from snn_core.neuron import OneToOne


@dataclass
class Unit:
    """Some nodes of a graph that together are one neuron."""

    name: str
    entry: str  # the node that takes its input
    mem: str  # the node that is its membrane
    members: set[str]  # all its nodes
    constants: dict[str, np.ndarray]  # float64, by the names of snn-core: beta, threshold, alpha, R, ...
    ports: dict[str, int]  # its nodes whose output others may read, with their place among the neuron's outputs
    spk: str = ""  # the node that sends its spikes; empty if nothing fires
    feeds: set[str] = field(default_factory=set)  # its nodes that its input or its membrane reads
    gain: np.ndarray | None = None  # factor of its input; None for 1
    reset: str = "none"
    reset_delay: bool = True
    spike_grad: Any = None
    learned: set[str] = field(default_factory=set)  # names of the constants that are parameters
    recurrent: nn.Module | None = None  # the layer from its spikes to its input
    kind: str = ""  # "Alpha" or "Lapicque", or empty for the leaky family

    def neuron(self, dtype: torch.dtype, output: bool) -> SpikingNeuron:
        """Return the neuron of snn-core, which keeps its state and, with ``output``, returns it too."""
        values: dict[str, Any] = {name: torch.tensor(v, dtype=dtype) for name, v in self.constants.items()}
        learnable = [n for n in ("alpha", "beta", "threshold", "graded_spikes_factor") if n in values]
        options: dict[str, Any] = {
            **{f"learn_{name}": name in self.learned for name in learnable},
            "spike_grad": self.spike_grad,
            "reset_mechanism": self.reset,
            "reset_delay": self.reset_delay,
            "init_hidden": True,
            "output": output,
        }
        if self.kind:
            return {"Alpha": Alpha, "Lapicque": Lapicque}[self.kind](**values, **options)
        if self.constants.keys() == {"beta"}:  # nothing fires
            return Readout(**values, learn_beta="beta" in self.learned)
        if self.recurrent is None:
            return (Synaptic if "alpha" in values else Leaky)(**values, **options)
        return _recurrent(self.recurrent, RSynaptic if "alpha" in values else RLeaky, {**values, **options})


def _recurrent(layer: Any, kind: Any, options: dict[str, Any]) -> SpikingNeuron:
    if isinstance(layer, OneToOne):
        learn = isinstance(layer.V, nn.Parameter)
        return kind(V=layer.V.detach(), all_to_all=False, learn_recurrent=learn, **options)
    with torch.random.fork_rng(devices=[]):  # random weights are drawn, then replaced
        if isinstance(layer, nn.Linear):
            neuron = kind(linear_features=layer.in_features, **options)
        else:
            neuron = kind(conv2d_channels=layer.in_channels, kernel_size=layer.kernel_size, **options)
    weight, bias = layer.weight, layer.bias
    neuron.recurrent.weight = weight
    # the kernels need a bias, which is 0 and not learned if the graph has none
    none = nn.Parameter(weight.new_zeros(len(weight)), requires_grad=False)
    neuron.recurrent.bias = none if bias is None else bias
    return neuron
