"""The neurons of snn-core's tests, and nets of every kind that a program is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import snn_core as snn
from siblings import module_of_tests

of_core = module_of_tests("snn-core/tests", "zoo")


class Residual(nn.Module):
    """A forward of its own, with a sum of spikes and a recurrence by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 6), nn.Linear(6, 6)
        self.one, self.two = snn.Leaky(beta=0.9, init_hidden=True), snn.Synaptic(alpha=0.6, beta=0.8, init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        spk = self.one(self.first(x))
        return self.two(self.second(spk)) + spk


class Heads(nn.Module):
    """Several outputs by name, one of them a membrane."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 6), snn.Leaky(beta=0.9, init_hidden=True))
        self.head = snn.Leaky(beta=0.8, init_hidden=True, output=True, reset_mechanism="none")
        self.out = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> dict[str, Any]:
        spk = self.body(x)
        return {"hidden": spk, "read": self.head(self.out(spk))}


class TwoInputs(nn.Module):
    """Two inputs a step."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(5, 4), nn.Linear(3, 4)
        self.neuron = snn.Leaky(beta=0.9, init_hidden=True)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.neuron(self.left(x) + self.right(y))


class Shared(nn.Module):
    """One neuron called twice a step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.neuron = nn.Linear(5, 5), snn.Leaky(beta=0.9, init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.neuron(self.layer(self.neuron(x)))


class Explicit(nn.Module):
    """A net that takes its states and returns them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.neuron = nn.Linear(5, 4), snn.Synaptic(alpha=0.6, beta=0.8)

    def forward(self, x: Tensor, syn: Tensor, mem: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.neuron(self.layer(x), syn, mem)


def dense() -> nn.Module:
    return nn.Sequential(
        nn.Linear(5, 6), snn.Leaky(beta=0.9, init_hidden=True), nn.Linear(6, 3), snn.Leaky(beta=0.5, init_hidden=True)
    )


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        snn.Leaky(beta=0.5, init_hidden=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 3),
        nn.Dropout(0.5),
        snn.Leaky(beta=0.5, init_hidden=True, output=True),
    )


def recurrent() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), snn.RSynaptic(alpha=0.6, beta=0.8, linear_features=6, init_hidden=True))


def in_place() -> nn.Module:
    return nn.Sequential(
        nn.Linear(5, 6), snn.Alpha(alpha=0.9, beta=0.6, init_hidden=True), nn.Linear(6, 4), nn.ReLU(inplace=True)
    )


def delayed() -> nn.Module:
    return nn.Sequential(
        snn.AxonalDelay(3, 1.5, 5), snn.DelayedLinear(5, 4, max_delay=2), snn.Leaky(beta=0.9, init_hidden=True)
    )


def nested() -> nn.Module:
    return nn.Sequential(dense(), nn.Sequential(nn.Linear(3, 3), snn.SLSTM(3, 4, threshold=0.1, init_hidden=True)))


def read_out() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), snn.Leaky(beta=0.9, init_hidden=True), nn.Linear(6, 3), snn.Readout(beta=0.8))


NETS: dict[str, tuple[Callable[[], nn.Module], list[tuple[int, ...]]]] = {  # and the shapes of a sample
    "dense": (dense, [(5,)]),
    "convolutional": (convolutional, [(1, 8, 8)]),
    "recurrent": (recurrent, [(5,)]),
    "residual": (Residual, [(5,)]),
    "several outputs": (Heads, [(5,)]),
    "two inputs": (TwoInputs, [(5,), (3,)]),
    "one neuron twice": (Shared, [(5,)]),
    "in place": (in_place, [(5,)]),
    "delays": (delayed, [(5,)]),
    "nested": (nested, [(5,)]),
    "read-out": (read_out, [(5,)]),
}


def net_and_inputs(name: str) -> tuple[nn.Module, Callable[[int, int], list[Tensor]]]:
    """A net with the same weights every time, and a function of steps and batch that gives its inputs."""
    make, shapes = NETS[name]
    torch.manual_seed(0)
    net = make().eval()

    def inputs(steps: int, batch: int) -> list[Tensor]:
        torch.manual_seed(steps + batch)
        return [2 * torch.randn(steps, batch, *shape) + 0.5 for shape in shapes]

    return net, inputs


def flat(out: Any) -> list[Tensor]:
    """The tensors of (nested) tuples and dicts, in order."""
    if isinstance(out, Tensor):
        return [out]
    return [tensor for part in (out.values() if isinstance(out, dict) else out) for tensor in flat(part)]


def looped(net: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    """Return the outputs of the user's loop from rest, stacked on time. The net is then at rest."""
    snn.utils.reset(net)
    with torch.no_grad():
        steps = [flat(net(*step)) for step in zip(*inputs, strict=True)]
    snn.utils.reset(net)
    return [torch.stack(column) for column in zip(*steps, strict=True)]
