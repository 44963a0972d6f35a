"""Norse: its neuron without a synaptic current, a step at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.peers.norse_cells import box
from bench.programs.kit import Kit, Leaky, looped


def kit() -> Kit:
    """Return the kit; its neurons weigh the input with 1 - beta, and membrane and threshold shrink by that factor."""
    return Kit(_Cell, looped(_rest))


def _rest(net: nn.Module) -> None:
    for layer in net.modules():
        if isinstance(layer, _Cell):
            layer.spk = layer.state = None


class _Cell(nn.Module):
    """A cell that keeps its state; its own recurrent cells have a synaptic current, another equation."""

    def __init__(self, leaky: Leaky) -> None:
        super().__init__()
        self.rest, self.output = 1 - leaky.beta, leaky.output
        self.cell = box(leaky.beta)
        self.recurrent = None if leaky.features is None else nn.Linear(leaky.features, leaky.features)
        self.spk: Any = None
        self.state: Any = None

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if self.recurrent is not None:
            x = x + self.recurrent(torch.zeros_like(x) if self.spk is None else self.spk)
        self.spk, self.state = self.cell(x, self.state)
        return (self.spk, self.state.v / self.rest) if self.output else self.spk
