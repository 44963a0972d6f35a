"""What a layer that learns online refuses: neurons that its rule does not hold for, and input that is no step."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_functional.online import RTRLLayer


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


@pytest.mark.parametrize(
    ("synapse", "neuron", "options", "error", "message"),
    [
        (nn.Conv2d(1, 2, 3), snn.Leaky(0.9), {}, TypeError, "synapse must be an nn.Linear, got Conv2d"),
        (nn.Linear(3, 4), nn.ReLU(), {}, TypeError, "neuron must be a spiking neuron such as Leaky, got ReLU"),
        (nn.Linear(3, 4), snn.Leaky(0.9), {"output_decay": 1.5}, ValueError, r"output_decay is 1\.5; .* \[0, 1\]"),
        (nn.Linear(3, 4), snn.Leaky(0.9), {"output_decay": float("nan")}, ValueError, "output_decay is nan"),
        (
            nn.Linear(3, 4),
            snn.RLeaky(0.9, linear_features=4),
            {},
            ValueError,
            "RLeaky receive each other's.*EPropLayer",
        ),
        (nn.Linear(3, 1), snn.RLeaky(0.9, linear_features=1), {}, ValueError, "RLeaky receive each other's"),
        (nn.Linear(3, 4), Coupled(), {}, ValueError, r"Coupled see each other's .*TBPTT trains them"),
        (nn.Linear(3, 4), Wide(), {}, ValueError, r"Wide has states \(8,\) for 4 inputs; .* one input each"),
        (nn.Linear(3, 4), Fixed(), {}, ValueError, r"neuron\.gain has shape \(2, 3\); .* 4 neurons"),
        (nn.Linear(3, 4), snn.SLSTM(4, 4), {}, ValueError, r"neuron\.lstm_cell\.weight_ih has shape \(16, 4\)"),
    ],
)
def test_what_it_is_not_exact_for_is_refused_at_construction(synapse, neuron, options, error, message):
    with pytest.raises(error, match=message):
        RTRLLayer(synapse, neuron, **options)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([1.0], TypeError, "RTRLLayer takes a tensor, got list"),
        (torch.ones(3), ValueError, r"RTRLLayer takes one step \[batch, 3\], got \(3,\); .*nn\.Flatten"),
        (torch.ones(5, 2, 3), ValueError, r"got \(5, 2, 3\)"),
        (torch.ones(2, 4), ValueError, r"got \(2, 4\)"),
        (torch.ones(2, 3, dtype=torch.complex64), TypeError, "complex64"),
    ],
)
def test_input_that_is_no_step_is_refused(x, error, message):
    with pytest.raises(error, match=message):
        RTRLLayer(nn.Linear(3, 4), snn.Leaky(0.9))(x)


def test_a_batch_of_another_size_is_refused_until_the_layer_is_reset():
    layer = RTRLLayer(nn.Linear(3, 4), snn.Leaky(0.9))
    layer(torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"keeps a state 'mem' of shape \(2, 4\).*utils\.reset"):
        layer(torch.ones(5, 3))
    snn.utils.reset(layer)
    layer(torch.ones(5, 3))
