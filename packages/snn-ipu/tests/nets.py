"""Every neuron, reset and surrogate of the feature table, as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import surrogate


@dataclass(frozen=True)
class gaussian(surrogate.Surrogate):
    """A surrogate that only this test knows."""

    sigma: float = 0.5

    def derivative(self, x: Tensor) -> Tensor:
        return torch.exp(-(x / self.sigma).square() / 2)


def halved(x: Tensor, grad: Tensor, spk: Tensor) -> Tensor:
    """A gradient of snnTorch's custom kind."""
    return grad * (1 - spk) / (1 + x.square())


class QuadraticIF(snn.SpikingNeuron):
    """A user's own neuron."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self, rest: float = 0.1, **options) -> None:
        super().__init__(**options)
        self.constant("rest", rest, learn=True)

    def integrate(self, x: Tensor, state: State) -> State:
        return self.State(0.7 * state.mem + 0.05 * state.mem * (state.mem - self.rest) + x)


SURROGATES = {
    "fast_sigmoid": surrogate.fast_sigmoid(slope=5),
    "atan": surrogate.atan(alpha=3.0),
    "sigmoid": surrogate.sigmoid(slope=4),
    "triangular": surrogate.triangular(threshold=0.75),
    "triangular of 2": surrogate.triangular(threshold=0.75, height=2),
    "straight through": surrogate.straight_through_estimator(),
    "heaviside": surrogate.heaviside(),
    "escape": surrogate.spike_rate_escape(beta=1.5, slope=2),
    "LSO": surrogate.LSO(slope=0.2),
    "SFS": surrogate.SFS(slope=3, B=-0.5),
    "none": surrogate.no_gradient(),
    "gaussian": gaussian(),
    "custom": surrogate.custom_surrogate(halved),
}

NEURONS = {
    "leaky": partial(snn.Leaky, beta=0.8),
    "leaky, learned": partial(snn.Leaky, beta=torch.linspace(0.3, 1.0, 5), learn_beta=True, learn_threshold=True),
    "leaky, graded": partial(snn.Leaky, beta=0.8, graded_spikes_factor=1.5, learn_graded_spikes_factor=True),
    "synaptic": partial(snn.Synaptic, alpha=0.6, beta=0.8, learn_alpha=True, learn_beta=True),
    "alpha": partial(snn.Alpha, alpha=0.9, beta=0.6, learn_alpha=True, learn_beta=True),
    "lapicque": partial(snn.Lapicque, beta=0.7, learn_beta=True),
    "rleaky": partial(snn.RLeaky, beta=0.8, linear_features=5),
    "rleaky, one to one": partial(snn.RLeaky, beta=0.8, V=0.5, all_to_all=False),
    "rleaky, delayed": partial(snn.RLeaky, beta=0.8, linear_features=5, max_delay=2),
    "sliding psn": partial(snn.SlidingPSN, order=3),
    "rsynaptic": partial(snn.RSynaptic, alpha=0.6, beta=0.8, linear_features=5),
    "slstm": partial(snn.SLSTM, input_size=5, hidden_size=4, threshold=0.1),
    "quadratic": QuadraticIF,
}


def alone(neuron: str, **options) -> snn.SpikingNeuron:
    """One neuron of five with all its outputs, in float64."""
    torch.manual_seed(0)
    net = NEURONS[neuron]
    more = {name: value for name, value in options.items() if name not in getattr(net, "keywords", {})}
    return net(init_hidden=True, output=True, **more).double()


def projected(neuron: str, **options) -> nn.Sequential:
    """A projection before it."""
    net = alone(neuron, **options)
    return nn.Sequential(nn.Linear(7, 5), net).double()


def example(num_steps: int = 6, batch: int = 3, features: int = 7, dtype: torch.dtype = torch.float64) -> Tensor:
    """``[num_steps, batch, features]``, large enough that some neurons fire in every step."""
    generator = torch.Generator().manual_seed(num_steps)
    return (2 * torch.randn(num_steps, batch, features, generator=generator, dtype=torch.float64) + 0.5).to(dtype)
