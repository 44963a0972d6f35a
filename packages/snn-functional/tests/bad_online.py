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
    Row("synapse", nn.Conv2d(1, 2, 3), TypeError, r"synapse must be an nn\.Linear, got Conv2d"),
    Row("neuron", nn.ReLU(), TypeError, "neuron must be a spiking neuron, such as Leaky, got ReLU"),
    Row("output_decay", 1.5, ValueError, r"output_decay must be in \[0, 1\], as a decay per step, got 1\.5"),
    Row("output_decay", math.nan, ValueError, r"output_decay must be in \[0, 1\], as a decay per step, got nan"),
    Row("output_decay", "0.5", TypeError, r"output_decay must be a number, got '0\.5'"),
    Row("input_", [1.0], TypeError, "Layer takes a tensor, got list; wrap it", named="takes"),
    Row(
        "input_",
        torch.ones(3),
        ValueError,
        r"input_ must be one step \[batch, 3\], got \(3,\)\. Fix: call the layer step by step, with",
    ),
    Row("input_", torch.ones(5, 2, 3), ValueError, r"got \(5, 2, 3\)"),
    Row("input_", torch.ones(2, 4), ValueError, r"got \(2, 4\)"),
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
            neuron(
                Coupled(),
                r"the neurons of Coupled .* not give the gradient\. Fix: train them with backprop\.TBPTT",
                "Coupled",
            ),
            neuron(Wide(), r"neuron must have one input each, got a Wide with states \(8,\) for 4 inputs", "Wide"),
            neuron(
                Fixed(),
                r"neuron\.gain must have one value, or one for each of the 4 neurons, to .* got shape \(2, 3\)",
                "neuron",
            ),
            neuron(
                snn.SLSTM(C, C),
                r"neuron\.lstm_cell\.weight_ih must have one value, or one for each of .* got shape \(16, 4\)",
                "neuron",
            ),
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
            neuron(
                snn.Leaky(0.9),
                r"Leaky has no dense recurrent connections\. Fix: build it with linear_features, or",
                "Leaky",
            ),
            neuron(snn.RLeaky(0.9, V=0.5, all_to_all=False), "RLeaky has no dense recurrent", "RLeaky"),
            neuron(snn.RLeaky(0.9, conv2d_channels=2, kernel_size=3), "RLeaky has no dense recurrent", "RLeaky"),
            neuron(
                snn.RLeaky(0.9, linear_features=5),
                r"synapse gives 4 features to a neuron with linear_features=5\. Fix: make them equal",
                "neuron",
            ),
        ],
    ),
    "RandomFeedbackLinear": Case(
        (online.RandomFeedbackLinear, online.RandomFeedbackLinear.forward),
        made_and(online.RandomFeedbackLinear, "forward"),
        lambda: {"in_features": 3, "out_features": 2, "input": torch.ones(5, 3)},
        [
            *[
                Row(name, value, error, f"{name} must be {rule}, got {value}")
                for name in ("in_features", "out_features")
                for values, error, rule in (((0, -1), ValueError, "at least 1"), ((2.5, True), TypeError, "an int"))
                for value in values
            ],
            Row(
                "generator",
                0,
                TypeError,
                r"generator must be a torch\.Generator, or None for torch's global one, got 0",
            ),
            Row("input", [1.0], TypeError, r"input must be a torch\.Tensor, got list"),
            Row("input", torch.ones(()), ValueError, r"input must have shape \[\*, 3\], got \(\)"),
            Row("input", torch.ones(5, 4), ValueError, r"input must have shape \[\*, 3\], got \(5, 4\)"),
            Row(
                "input",
                torch.ones(5, 3).long(),
                TypeError,
                r"input must have dtype torch\.float32, like the weights, got torch\.int64",
            ),
        ],
    ),
}
