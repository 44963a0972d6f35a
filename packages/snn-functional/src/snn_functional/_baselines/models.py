"""The ordinary models, each with the form in which it takes the data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_functional._baselines.parts import Part
from snn_functional._steps import Steps

Inputs = Callable[[Part], tuple[Tensor, ...]]


class Model(NamedTuple):
    """A model by name: its inputs ``[N, T, values]`` of a part, with the lengths if it takes them, and its net.

    The net returns its outputs as a recording of one step, ``[1, batch, outputs]``.
    """

    name: str
    inputs: Inputs
    make: Callable[[], nn.Module]
    hidden: int | None = None


class GRU(nn.Module):
    """A GRU, and a linear layer of the mean of its states over time."""

    def __init__(self, values: int, outputs: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(values, hidden)
        self.out = nn.Linear(hidden, outputs)

    def forward(self, xs: Tensor, lengths: Tensor) -> Tensor:
        """Return the outputs for a sequence ``[T, batch, values]``."""
        states, _ = self.gru(xs)
        return self.out(Steps(states, lengths, None).mean(states)).unsqueeze(0)


class Convolution(nn.Module):
    """Convolutions over time that together see ``steps`` steps, and a linear layer of the mean of the last over time.

    Each has five taps, one if there is only one step, and four times the dilation of the one before.
    """

    def __init__(self, values: int, outputs: int, steps: int, hidden: int) -> None:
        super().__init__()
        layers, taps, seen, dilation = nn.ModuleList(), min(5, 4 * steps - 3), 1, 1
        while seen < steps or not layers:
            layers.append(nn.Conv1d(hidden if layers else values, hidden, taps, padding="same", dilation=dilation))
            seen, dilation = seen + (taps - 1) * dilation, 4 * dilation
        self.layers, self.out = layers, nn.Linear(hidden, outputs)

    def forward(self, xs: Tensor, lengths: Tensor) -> Tensor:
        """Return the outputs for a sequence ``[T, batch, values]``."""
        steps = Steps(xs, lengths, None)
        for layer in self.layers:  # which gets zeros from after the end of a sample
            xs = steps.only(layer(xs.permute(1, 2, 0)).relu().permute(2, 0, 1))
        return self.out(steps.mean(xs)).unsqueeze(0)


class Constant(nn.Module):
    """The same outputs for every input."""

    def __init__(self, outputs: Tensor) -> None:
        super().__init__()
        self.register_buffer("outputs", outputs)

    def forward(self, xs: Tensor) -> Tensor:
        """Return the outputs for each sample."""
        return self.get_buffer("outputs").expand(1, xs.shape[1], -1)


def candidates(train: Part, num_steps: int | None, budget: int) -> list[Model]:
    """Return the models for a training part, first the constant one; ``budget`` is a number of parameters."""
    steps, values = train.xs.shape[1:]
    of_classes = train.targets.dim() == 1
    answer = train.targets.bincount().div(len(train.targets)).log() if of_classes else train.targets.mean(0)

    def whole(part: Part) -> tuple[Tensor, ...]:
        return (F.pad(part.xs, (0, 0, 0, steps - part.xs.shape[1])).flatten(1).unsqueeze(1),)

    def features(part: Part) -> tuple[Tensor, ...]:
        return (part.features.unsqueeze(1),)

    def sequence(part: Part) -> tuple[Tensor, ...]:
        return part.xs, part.lengths

    def over_time(part: Part) -> tuple[Tensor, ...]:
        return part.xs.expand(-1, num_steps or -1, -1), part.lengths * (num_steps or 1)

    return [
        Model("majority" if of_classes else "mean", features, partial(Constant, answer)),
        Model("linear", whole, partial(nn.Linear, steps * values, len(answer))),
        Model("linear on features", features, partial(nn.Linear, 4 * values, len(answer))),
        _widest("GRU", over_time, partial(GRU, values, len(answer)), budget),
        _widest("convolution", sequence, partial(Convolution, values, len(answer), steps), budget),
    ]


def _widest(name: str, inputs: Inputs, make: Callable[[int], nn.Module], budget: int) -> Model:
    """Return the model of the largest hidden size, at least 1, with at most as many parameters as the budget."""

    def fits(hidden: int) -> bool:
        with torch.device("meta"):
            return size(make(hidden)) <= budget

    hidden = 1
    while fits(2 * hidden):
        hidden *= 2
    step = hidden
    while step := step // 2:
        hidden += step * fits(hidden + step)
    return Model(name, inputs, partial(make, hidden), hidden)


def size(net: nn.Module) -> int:
    """Return the number of parameters of a net."""
    return sum(parameter.numel() for parameter in net.parameters())
