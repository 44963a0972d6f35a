"""Neurons, plain layers beside online ones, and a loss of their steps, for the tests of online layers."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

import snn_core as snn
from snn_functional.online import RTRLLayer

NEURONS = {
    "Leaky": lambda **o: snn.Leaky(beta=0.8, **o),
    "Leaky, all learned": lambda **o: snn.Leaky(
        0.8, learn_beta=True, learn_threshold=True, graded_spikes_factor=1.5, learn_graded_spikes_factor=True, **o
    ),
    "Leaky, one beta a neuron": lambda **o: snn.Leaky(torch.linspace(0.5, 0.9, 4), learn_beta=True, **o),
    "Leaky, bounded": lambda **o: snn.bounded(snn.Leaky(0.8, **o), "beta"),
    "Leaky, zero": lambda **o: snn.Leaky(0.8, reset_mechanism="zero", learn_beta=True, **o),
    "Leaky, none": lambda **o: snn.Leaky(0.8, reset_mechanism="none", **o),
    "Leaky, reset at once": lambda **o: snn.Leaky(0.8, reset_delay=False, learn_threshold=True, **o),
    "Leaky, zero at once": lambda **o: snn.Leaky(0.8, reset_delay=False, reset_mechanism="zero", **o),
    "Leaky, inhibition": lambda **o: snn.Leaky(0.8, inhibition=True, **o),
    "Synaptic": lambda **o: snn.Synaptic(0.7, 0.8, learn_alpha=True, learn_beta=True, **o),
    "Synaptic, at once": lambda **o: snn.Synaptic(0.7, 0.8, reset_delay=False, **o),
    "Alpha": lambda **o: snn.Alpha(0.9, 0.7, learn_alpha=True, learn_beta=True, **o),
    "Lapicque": lambda **o: snn.Lapicque(beta=0.8, R=5.0, learn_beta=True, **o),
    "DeltaLeaky": lambda **o: snn.DeltaLeaky(0.3, 0.8, **o),
    "ALIF": lambda **o: snn.ALIF(0.8, 0.7, 0.5, threshold=0.25, learn_rho=True, learn_threshold=True, **o),
    "TCLIF": lambda **o: snn.TCLIF(0.3, -0.2, learn_c1=True, learn_threshold=True, **o),
    "Readout": lambda **o: snn.Readout(0.8, learn_beta=True, init_hidden=o["init_hidden"]),
    "RLeaky, to itself": lambda **o: snn.RLeaky(0.8, V=-0.4, all_to_all=False, learn_beta=True, **o),
    "RSynaptic, to itself": lambda **o: snn.RSynaptic(0.7, 0.8, V=torch.linspace(-0.5, 0.5, 4), all_to_all=False, **o),
}
SURROGATE = snn.surrogate.fast_sigmoid(slope=5)


def pair(name, inputs=3, bias=True, output=True):
    """The two layers one after the other, and the same, with the same weights, learning online."""
    torch.manual_seed(0)
    synapse = nn.Linear(inputs, 4, bias=bias)
    neuron = NEURONS[name](spike_grad=SURROGATE, init_hidden=True, output=output)
    plain = nn.Sequential(synapse, neuron).double()
    twin = nn.Sequential(
        nn.Linear(inputs, 4, bias=bias), NEURONS[name](spike_grad=SURROGATE, init_hidden=True, output=output)
    )
    twin.double().load_state_dict(plain.state_dict())
    return plain, RTRLLayer(twin[0], twin[1])


def loss_of_step(outputs, weights):
    """A loss of a step that is not linear, so that its gradient depends on the outputs."""
    return sum(((out * w).sin() + out.square()).sum() for out, w in zip(tree_leaves(outputs), weights, strict=False))


def gradients(module):
    """Gradients under the names that the parameters have in both."""
    return {n.replace("synapse.", "0.").replace("neuron.", "1."): p.grad for n, p in module.named_parameters()}


def through_time(net, xs, weights):
    snn.utils.reset(net)
    outputs = [net(x) for x in xs]
    sum(loss_of_step(out, w) for out, w in zip(outputs, weights, strict=True)).backward()
    return outputs, gradients(net)


def online(layer, xs, weights):
    snn.utils.reset(layer)
    outputs = []
    for x, w in zip(xs, weights, strict=True):
        out = layer(x)
        loss_of_step(out, w).backward()
        outputs.append(out)
    return outputs, gradients(layer)


def inputs_and_weights(steps, batch, inputs):
    generator = torch.Generator().manual_seed(steps)
    xs = 3 * torch.rand(steps, batch, inputs, dtype=torch.float64, generator=generator) - 0.5
    return xs, torch.rand(steps, 4, batch, 4, dtype=torch.float64, generator=generator)
