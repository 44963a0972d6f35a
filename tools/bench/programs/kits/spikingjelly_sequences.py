"""SpikingJelly on its torch backend: whole sequences, its mode ``m``."""

from __future__ import annotations

from typing import Any

from spikingjelly.activation_based import functional, layer, surrogate
from torch import Tensor, nn

from bench.peers.spikingjelly_steps import Recurrent, lif
from bench.programs.kit import Kit, Leaky


def kit() -> Kit:
    """Return the kit; its neurons reset at once, and so before the decay."""

    def run(net: nn.Module, xs: Tensor) -> tuple[Tensor, Tensor] | Tensor:
        functional.reset_net(net)
        return net(xs)

    return Kit(_neurons, run, lift=layer.SeqToANNContainer)


def _neurons(leaky: Leaky) -> nn.Module:
    # its soft sign is a fast sigmoid, whose derivative it multiplies by slope / 2
    gradient = None if leaky.slope is None else surrogate.SoftSign(leaky.slope)
    if leaky.features is not None:
        return Recurrent(lif(leaky.beta, "s", gradient), nn.Linear(leaky.features, leaky.features), "m")
    neurons = lif(leaky.beta, "m", gradient, store_v_seq=leaky.output)
    return _Output(neurons) if leaky.output else neurons


class _Output(nn.Module):
    """Neurons that also return their membranes, as they are after the reset."""

    def __init__(self, lif: Any) -> None:
        super().__init__()
        self.lif = lif

    def forward(self, xs: Tensor) -> tuple[Tensor, Tensor]:
        return self.lif(xs), self.lif.v_seq
