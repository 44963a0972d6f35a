"""Plain PyTorch: the neuron's equation written out, in a loop over the steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.peers.torch_loop import Spike
from bench.programs.kit import Kit, Leaky, looped


def kit() -> Kit:
    """Return the kit."""
    return Kit(_Leaky, looped(_rest))


def _rest(net: nn.Module) -> None:
    for layer in net.modules():
        if isinstance(layer, _Leaky):
            layer.rest()


class _Leaky(nn.Module):
    """A layer whose state is None before the first step."""

    def __init__(self, leaky: Leaky) -> None:
        super().__init__()
        self.beta, self.slope, self.output = leaky.beta, leaky.slope, leaky.output
        self.recurrent = None if leaky.features is None else nn.Linear(leaky.features, leaky.features)
        self.rest()

    def rest(self) -> None:
        self.spk: Any = None
        self.mem: Any = None

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if self.recurrent is not None:
            x = x + self.recurrent(torch.zeros_like(x) if self.spk is None else self.spk)
        if self.spk is None:
            self.mem = x
        else:
            self.mem = self.beta * self.mem + x - self.spk.detach()
        excess = self.mem - 1.0
        self.spk = Spike.apply(excess) if self.slope is None else _FastSigmoid.apply(excess, self.slope)
        return (self.spk, self.mem) if self.output else self.spk


class _FastSigmoid(torch.autograd.Function):
    """Heaviside step with the derivative of a fast sigmoid."""

    @staticmethod
    def forward(ctx: Any, excess: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(excess)
        ctx.slope = slope
        return (excess > 0).to(excess.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (excess,) = ctx.saved_tensors
        return grads[0] / (1 + ctx.slope * excess.abs()).square(), None
