"""Tests of the issues of dead, silent and saturated layers, for nets of any kind, against the net's own run."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import snn_core as snn
from snn_functional import dead_neurons, diagnose, saturated_neurons
from snn_functional.probe import OutputMonitor


def tower(kinds, beta, threshold, scale, seed):
    """Layers of neurons of any kinds over weights of any size."""
    torch.manual_seed(seed)
    options = {"threshold": threshold, "init_hidden": True}
    of = {
        "leaky": lambda: snn.Leaky(beta, **options),
        "zero": lambda: snn.Leaky(beta, reset_mechanism="zero", **options),
        "synaptic": lambda: snn.Synaptic(0.5, beta, **options),
        "recurrent": lambda: snn.RLeaky(beta, linear_features=5, **options),
        "circuit": lambda: snn.Lapicque(beta=beta, **options),
    }
    layers = [layer for kind in kinds for layer in (nn.Linear(5, 5), of[kind]())]
    net = nn.Sequential(*layers)
    for layer in layers[::2]:
        layer.weight.data.mul_(scale)
    return net


@settings(max_examples=60, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["leaky", "zero", "synaptic", "recurrent", "circuit"]), min_size=1, max_size=3),
    beta=st.floats(0.4, 0.99),
    threshold=st.floats(0.05, 5.0),
    scale=st.floats(0.0, 9.0),
    steps=st.integers(1, 9),
    samples=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_the_reported_activity_is_that_of_the_nets_own_run(kinds, beta, threshold, scale, steps, samples, seed):
    net = tower(kinds, beta, threshold, scale, seed)
    xs = torch.rand(steps, samples, 5, generator=torch.Generator().manual_seed(seed))
    diagnosis = diagnose(net, xs)
    with OutputMonitor(net, snn.SpikingNeuron) as monitor, torch.no_grad():
        snn.unroll(net, xs)
    spikes = {path: torch.stack(monitor[path]) for path in monitor.monitored_layers}
    silent = [path for path, spk in spikes.items() if not spk.any()]
    codes_of = {path: {f.code for f in diagnosis.findings if f.module == path} for path in spikes}
    texts = [path for path, of in codes_of.items() if of & {"silent_layer", "silent_output", "unreachable_threshold"}]
    assert texts == silent[:1]
    for path, spk in spikes.items():
        is_dead = path not in silent and bool(dead_neurons(spk).double().mean() >= 0.5)
        assert ("dead_neurons" in codes_of[path]) == is_dead
        is_full = steps > 1 and bool(saturated_neurons(spk, 0.95).double().mean() >= 0.5)
        assert ("saturated_neurons" in codes_of[path]) == is_full
        assert "no_gradient" not in codes_of[path]
