"""Bad input for the layers that learn online."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

import snn_core as snn
from snn_functional import online

from .refusal import Case, Row, made_and

C = 4


class Coupled(snn.SpikingNeuron):
    """Neurons that lose what the others have."""

    class State(NamedTuple):
        mem: Tensor

    def integrate(self, x, state):
        return self.State(0.9 * state.mem + x - 0.1 * state.mem.sum(-1, keepdim=True))


class Fixed(snn.SpikingNeuron):
    """A constant that is neither one for all nor one for each neuron."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self):
        super().__init__()
        self.constant("gain", torch.ones(2, 3), learn=True)

    def integrate(self, x, state):
        return self.State(state.mem * self.gain.mean() + x)


class Wide(snn.SpikingNeuron):
    """Two states for each input."""

    class State(NamedTuple):
        mem: Tensor

    def state_shape(self, x):
        return torch.Size((x.shape[0], 2 * x.shape[1]))

    def integrate(self, x, state):
        return self.State(0.9 * state.mem + x.repeat(1, 2))


SYNAPSE = [
    Row("synapse", nn.Conv2d(1, 2, 3), TypeError, r"synapse is a Conv2d; pass an nn\.Linear"),
    Row("neuron", nn.ReLU(), TypeError, "neuron is a ReLU; pass a spiking neuron, such as Leaky"),
    Row("output_decay", 1.5, ValueError, r"output_decay is 1\.5; .* \[0, 1\]"),
    Row("output_decay", math.nan, ValueError, "output_decay is nan; "),
    Row("output_decay", "0.5", TypeError, r"output_decay is '0\.5'; pass a number"),
    Row("input_", [1.0], TypeError, "Layer takes a tensor, got list; wrap it", named="takes"),
    Row("input_", torch.ones(3), ValueError, r"takes one step \[batch, 3\], got \(3,\); .*nn\.Flatten", named="takes"),
    Row("input_", torch.ones(5, 2, 3), ValueError, r"got \(5, 2, 3\)", named="takes"),
    Row("input_", torch.ones(2, 4), ValueError, r"got \(2, 4\)", named="takes"),
    Row("input_", torch.ones(2, 3, dtype=torch.complex64), TypeError, "complex64", named="input"),
]


def neuron(value, message, named):
    return Row("neuron", value, ValueError, message, named=named)


CASES = {
    "RTRLLayer": Case(
        (online.RTRLLayer, online.RTRLLayer.forward),
        made_and(online.RTRLLayer, "forward"),
        lambda: {"synapse": nn.Linear(3, C), "neuron": snn.Leaky(0.9), "input_": torch.ones(2, 3)},
        [
            *SYNAPSE,
            neuron(snn.RLeaky(0.9, linear_features=C), "RLeaky receive each other's.*EPropLayer", "RLeaky"),
            neuron(Coupled(), r"Coupled depend on each other's .*; train them with backprop\.TBPTT", "Coupled"),
            neuron(Wide(), r"Wide has states \(8,\) for 4 inputs; .* one input each", "Wide"),
            neuron(Fixed(), r"neuron\.gain has shape \(2, 3\); .* 4 neurons", "neuron"),
            neuron(snn.SLSTM(C, C), r"neuron\.lstm_cell\.weight_ih has shape \(16, 4\); ", "neuron"),
        ],
    ),
    "EPropLayer": Case(
        (online.EPropLayer, online.EPropLayer.forward),
        made_and(online.EPropLayer, "forward"),
        lambda: {
            "synapse": nn.Linear(3, C),
            "neuron": snn.RLeaky(0.9, linear_features=C),
            "input_": torch.ones(2, 3),
        },
        [
            *SYNAPSE,
            neuron(snn.Leaky(0.9), "Leaky has no dense recurrent connections; .*, or use RTRLLayer", "Leaky"),
            neuron(snn.RLeaky(0.9, V=0.5, all_to_all=False), "RLeaky has no dense recurrent", "RLeaky"),
            neuron(snn.RLeaky(0.9, conv2d_channels=2, kernel_size=3), "RLeaky has no dense recurrent", "RLeaky"),
            neuron(snn.RLeaky(0.9, linear_features=5), "gives 4 features to .*linear_features=5; make", "neuron"),
        ],
    ),
    "RandomFeedbackLinear": Case(
        (online.RandomFeedbackLinear, online.RandomFeedbackLinear.forward),
        made_and(online.RandomFeedbackLinear, "forward"),
        lambda: {"in_features": 3, "out_features": 2, "input": torch.ones(5, 3)},
        [
            *[
                Row(name, value, error, f"{name} is {value}; ")
                for name in ("in_features", "out_features")
                for value, error in ((0, ValueError), (-1, ValueError), (2.5, TypeError), (True, TypeError))
            ],
            Row("generator", 0, TypeError, r"generator is 0; pass a torch\.Generator"),
            Row("input", [1.0], TypeError, r"input is a list; pass a torch\.Tensor"),
            Row("input", torch.ones(()), ValueError, r"input has shape \(\); .* needs \[\*, 3\]"),
            Row("input", torch.ones(5, 4), ValueError, r"input has shape \(5, 4\); "),
            Row("input", torch.ones(5, 3).long(), TypeError, r"input has dtype torch\.int64, the weights .*; "),
        ],
    ),
}
