"""Every neuron that can be exported, with every reset that it has in NIR, for tests that must hold for all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import nir
import pytest
import torch
from torch import Tensor

import snn_core as snn

FEATURES = 4


def leaky_clamped(**options: Any) -> snn.Leaky:
    with pytest.warns(UserWarning, match="beta is a decay per step and is clamped"):
        return snn.Leaky(beta=torch.tensor([1.3, -0.2, 0.9, 0.0]), threshold=0.8, **options)


KINDS: dict[str, Callable[..., snn.SpikingNeuron]] = {
    "leaky": lambda **o: snn.Leaky(beta=0.9, **o),
    "leaky_per_neuron": lambda **o: snn.Leaky(
        beta=torch.tensor([0.2, 0.95, 0.5, 0.8]), threshold=torch.tensor([0.7, 1.0, 1.5, 0.3]), **o
    ),
    "leaky_without_leak": lambda **o: snn.Leaky(beta=1.0, **o),
    "leaky_without_memory": lambda **o: snn.Leaky(beta=0.0, threshold=0.6, **o),
    "leaky_clamped": leaky_clamped,
    "leaky_graded": lambda **o: snn.Leaky(beta=0.8, graded_spikes_factor=torch.tensor([0.5, 2.0, 1.0, 0.0]), **o),
    "synaptic": lambda **o: snn.Synaptic(alpha=0.8, beta=0.9, threshold=3.0, **o),
    "synaptic_per_neuron": lambda **o: snn.Synaptic(
        alpha=torch.tensor([0.1, 0.7, 0.9, 0.0]), beta=0.6, threshold=1.5, **o
    ),
    "synaptic_without_leak": lambda **o: snn.Synaptic(alpha=0.5, beta=1.0, **o),
    "synaptic_current_without_leak": lambda **o: snn.Synaptic(alpha=1.0, beta=0.5, threshold=40.0, **o),
    "rleaky_dense": lambda **o: snn.RLeaky(beta=0.9, linear_features=FEATURES, **o),
    "rleaky_one_to_one": lambda **o: snn.RLeaky(beta=0.9, all_to_all=False, V=torch.tensor([0.5, -1.0, 0.0, 0.9]), **o),
    "rleaky_one_weight": lambda **o: snn.RLeaky(beta=0.7, all_to_all=False, V=-0.4, **o),
    "rleaky_graded": lambda **o: snn.RLeaky(beta=0.8, linear_features=FEATURES, graded_spikes_factor=1.5, **o),
    "rsynaptic_dense": lambda **o: snn.RSynaptic(alpha=0.55, beta=0.9, threshold=2.0, linear_features=FEATURES, **o),
    "rsynaptic_one_to_one": lambda **o: snn.RSynaptic(alpha=0.3, beta=0.8, all_to_all=False, V=0.7, **o),
    "lapicque": lambda **o: snn.Lapicque(beta=0.9, threshold=0.2, **o),
    "lapicque_circuit": lambda **o: snn.Lapicque(R=5.0, C=3e-3, time_step=1e-3, threshold=0.5, **o),
    "alpha": lambda **o: snn.Alpha(alpha=0.9, beta=0.8, threshold=0.3, **o),
}
RESETS = [
    {"reset_mechanism": name, "reset_delay": delay}
    for name, delay in product(("zero", "none", "subtract"), (True, False))
]
CASES = {
    f"{kind}-{reset['reset_mechanism']}-{'delayed' if reset['reset_delay'] else 'at_once'}": (kind, reset)
    for kind, reset in product(KINDS, RESETS)
    if not (kind == "alpha" and reset["reset_mechanism"] == "zero")
}


def build_neuron(case: str, **constants: float) -> Any:
    """The neuron of a case, which keeps its own state, with other constants than it has there."""
    kind, reset = CASES[case]
    neuron = KINDS[kind](init_hidden=True, **reset)
    for name, value in constants.items():
        getattr(neuron, name).copy_(torch.as_tensor(value))
    return neuron


def closing(graph: nir.NIRGraph) -> set[tuple[str, str]]:
    """The edges of an exported graph that take one step: from what a spike does back to the neuron."""
    return {(s, t) for s, t in graph.edges if s.endswith((".reset", ".w_rec"))}


def looped(net: torch.nn.Module, xs: Tensor) -> list[Tensor]:
    """Return a network's outputs in every step from rest, the first tensor of each."""
    snn.utils.reset(net)
    outs = []
    for x in xs:
        out = net(x)
        outs.append((out[0] if isinstance(out, tuple) else out).detach())
    return outs
