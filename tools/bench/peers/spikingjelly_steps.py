"""SpikingJelly on its torch backend: whole sequences (its mode ``m``), or a step at a time (``s``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from bench.data import Arrays
from bench.peers.sequential import sequential
from bench.peers.trial import TorchTrial
from bench.workloads import Workload


def make(workload: Workload, arrays: Arrays, mode: str = "m") -> TorchTrial:
    """Make the workload in one of the two modes."""
    beta = workload.beta
    lift: Callable[[nn.Module], nn.Module] = layer.SeqToANNContainer if mode == "m" else lambda plain: plain
    layers = sequential(
        workload, arrays, lambda: lif(beta, mode), lambda back: Recurrent(lif(beta, "s"), back, mode), lift
    )
    net = nn.Sequential(*layers)

    def run(xs: Tensor) -> Tensor:
        functional.reset_net(net)
        return net(xs) if mode == "m" else torch.stack([net(x) for x in xs.unbind(0)])

    return TorchTrial(workload, arrays, run, net)


def lif(beta: float, mode: str, surrogate_function: Any = None, **options: Any) -> nn.Module:
    """Make neurons that reset by subtraction, without a gradient; their surrogate is an arc tangent if None."""
    gradient = surrogate_function or surrogate.ATan()
    options |= {"decay_input": False, "v_reset": None, "detach_reset": True}
    return neuron.LIFNode(tau=1 / (1 - beta), surrogate_function=gradient, step_mode=mode, **options)


class Recurrent(layer.ElementWiseRecurrentContainer):
    """SpikingJelly's container for recurrence, which passes the last spikes and the input to a function."""

    def __init__(self, lif: nn.Module, feedback: nn.Linear, mode: str) -> None:
        super().__init__(lif, lambda last, x: x + feedback(last), step_mode=mode)
        self.feedback = feedback
