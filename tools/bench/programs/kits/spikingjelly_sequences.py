"""SpikingJelly on its torch backend: whole sequences, its mode ``m``."""

from __future__ import annotations

from typing import Any

from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from bench.programs.kit import Kit, Leaky

__all__ = ["kit"]


def kit() -> Kit:
    """The kit; its neurons reset at once, and so before the decay."""

    def run(net: nn.Module, xs: Tensor) -> tuple[Tensor, Tensor]:
        functional.reset_net(net)
        return net(xs)

    return Kit(_neurons, run, lift=layer.SeqToANNContainer)


def _neurons(asked: Leaky) -> nn.Module:
    # its soft sign is a fast sigmoid, with half the derivative
    gradient = surrogate.ATan() if asked.slope is None else surrogate.SoftSign(asked.slope)
    options: dict[str, Any] = {"tau": 1 / (1 - asked.beta), "decay_input": False, "v_reset": None}
    options |= {"surrogate_function": gradient, "detach_reset": True, "store_v_seq": asked.output}
    if asked.features is not None:
        lif = neuron.LIFNode(**options, step_mode="s")
        return _Recurrent(lif, nn.Linear(asked.features, asked.features))
    lif = neuron.LIFNode(**options, step_mode="m")
    return _Output(lif) if asked.output else lif


class _Recurrent(layer.ElementWiseRecurrentContainer):
    """Its container for recurrence, which hands the last spikes and the input to a function."""

    def __init__(self, lif: nn.Module, feedback: nn.Linear) -> None:
        super().__init__(lif, lambda last, x: x + feedback(last), step_mode="m")
        self.feedback = feedback


class _Output(nn.Module):
    """Neurons that give their membranes too, as they are after the reset."""

    def __init__(self, lif: Any) -> None:
        super().__init__()
        self.lif = lif

    def forward(self, xs: Tensor) -> tuple[Tensor, Tensor]:
        return self.lif(xs), self.lif.v_seq
