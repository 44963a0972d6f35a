"""SpikingJelly on its torch backend: whole sequences (its mode ``m``), or a step at a time (``s``)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from bench.data import Arrays
from bench.peers.sequential import sequential
from bench.peers.trial import TorchTrial
from bench.workloads import Workload

__all__ = ["make"]


def make(workload: Workload, made: Arrays, mode: str = "m") -> TorchTrial:
    """The workload in one of the two modes.

    Args:
        workload: The workload.
        made: Its arrays.
        mode: ``"m"`` or ``"s"``.
    """

    def lif(step_mode: str = mode) -> nn.Module:
        return neuron.LIFNode(
            tau=1 / (1 - workload.beta),
            decay_input=False,
            v_reset=None,
            surrogate_function=surrogate.ATan(),
            detach_reset=True,
            step_mode=step_mode,
        )

    lift: Callable[[nn.Module], nn.Module] = layer.SeqToANNContainer if mode == "m" else lambda plain: plain
    net = nn.Sequential(*sequential(workload, made, lif, lambda back: _Recurrent(lif("s"), back, mode), lift))

    def run(xs: Tensor) -> Tensor:
        functional.reset_net(net)
        return net(xs) if mode == "m" else torch.stack([net(x) for x in xs.unbind(0)])

    return TorchTrial(workload, made, run, net)


class _Recurrent(layer.ElementWiseRecurrentContainer):
    """Its container for recurrence, which hands the last spikes and the input to a function."""

    def __init__(self, lif: nn.Module, feedback: nn.Linear, mode: str) -> None:
        super().__init__(lif, lambda last, x: x + feedback(last), step_mode=mode)
        self.feedback = feedback
