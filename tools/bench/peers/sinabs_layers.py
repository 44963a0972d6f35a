"""Sinabs: layers that take whole sequences, batch first."""

from __future__ import annotations

import math
from typing import Any

from sinabs import activation
from sinabs import layers as sinabs_layers
from torch import Tensor, nn

from bench.data import Arrays
from bench.peers.sequential import sequential
from bench.peers.trial import TorchTrial
from bench.workloads import Workload


def make(workload: Workload, arrays: Arrays) -> TorchTrial:
    """Make the workload of layers, each of which runs over the whole sequence.

    Sinabs resets at once; if a spike subtracts threshold / beta, the equation is the same.
    """
    options: dict[str, Any] = {
        "tau_mem": -1 / math.log(workload.beta),
        "spike_fn": activation.SingleSpike,
        "reset_fn": activation.MembraneSubtract(1 / workload.beta),
        "surrogate_grad_fn": _arc_tangent,
        "norm_input": False,
    }

    def fixed(layer: nn.Module) -> nn.Module:
        layer.tau_mem.requires_grad_(False)  # pyrefly: ignore[missing-attribute]
        return layer

    net = nn.Sequential(
        *sequential(
            workload,
            arrays,
            lambda: fixed(sinabs_layers.LIF(**options)),
            lambda feedback: fixed(sinabs_layers.LIFRecurrent(rec_connect=feedback, **options)),
            sinabs_layers.Repeat,
        )
    )
    neurons = [layer for layer in net if isinstance(layer, sinabs_layers.StatefulLayer)]

    def run(xs: Tensor) -> Tensor:
        for neuron in neurons:
            neuron.reset_states()
        return net(xs)

    return TorchTrial(workload, arrays, run, net, batch_first=True)


def _arc_tangent(mem: Tensor, threshold: Tensor) -> Tensor:
    return 1 / (1 + (math.pi * (mem - threshold)).square())
