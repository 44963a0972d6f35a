"""Nets as NeuroBench's users write them, of the neurons of whatever library they are asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from snn_core import RLeaky
from snn_functional import from_ann

FEATURES, HIDDEN, CLASSES = 20, 13, 5
snn: Any = None


def made_of(library: str) -> None:
    """Have all nets made of the neurons of a library."""
    global snn
    snn = importlib.import_module(library)


class Stepped(nn.Sequential):
    """Layers in a row, one step a call: the spikes and the membrane of the last."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spk, *_, mem = super().forward(x)
        return spk, mem


class Scores(nn.Sequential):
    """Layers in a row that give numbers in place of spikes, where the harness takes a pair."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = super().forward(x)
        return scores, scores


class Nested(nn.Module):
    """Layers in a module of their own, where the peer's reset does not look."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.layers(x)


class Looped(nn.Module):
    """A net with the loop over time inside, which passes the membranes on, from a reset of each neuron or from none."""

    def __init__(self, *, reset: bool = True) -> None:
        super().__init__()
        self.reset_first = reset
        self.fc1 = nn.Linear(FEATURES, HIDDEN)
        self.lif1 = snn.Leaky(beta=0.9)
        self.fc2 = nn.Linear(HIDDEN, CLASSES)
        self.lif2 = snn.Synaptic(alpha=0.8, beta=0.9)

    def forward(self, xs: Tensor) -> Tensor:
        if self.reset_first:
            mem1, (syn2, mem2) = self.lif1.init_leaky(), self.lif2.init_synaptic()
        else:
            mem1, syn2, mem2 = torch.zeros(1, HIDDEN), torch.zeros(1, CLASSES), torch.zeros(1, CLASSES)
            mem1, syn2, mem2 = (state.expand(len(xs), -1) for state in (mem1, syn2, mem2))
        spikes = []
        for x in xs.transpose(0, 1):
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
            spikes.append(spk2)
        return torch.stack(spikes)


def dense(first: nn.Module, last: nn.Module, *, bias: bool = True) -> nn.Module:
    return Stepped(nn.Linear(FEATURES, HIDDEN, bias=bias), first, nn.Linear(HIDDEN, CLASSES, bias=bias), last)


def leaky() -> nn.Module:
    grad = snn.surrogate.fast_sigmoid(slope=25)
    last = snn.Leaky(0.8, init_hidden=True, spike_grad=grad, output=True)
    return dense(snn.Leaky(0.9, init_hidden=True, spike_grad=grad), last, bias=False)


def learned() -> nn.Module:
    first = snn.Leaky(torch.full((HIDDEN,), 0.8), learn_beta=True, learn_threshold=True, init_hidden=True)
    return dense(first, snn.Leaky(0.8, reset_mechanism="none", init_hidden=True, output=True))


def synaptic(reset: str) -> nn.Module:
    options = {"init_hidden": True, "reset_mechanism": reset}
    return dense(snn.Synaptic(0.8, 0.9, **options), snn.Synaptic(0.7, 0.9, **options, output=True))


def currents() -> nn.Module:
    first = snn.Lapicque(beta=0.8, init_hidden=True)
    return dense(first, snn.Alpha(0.8, 0.7, reset_mechanism="zero", init_hidden=True, output=True))


def recurrent() -> nn.Module:
    options = {"init_hidden": True, "reset_mechanism": "subtract"}
    first = snn.RLeaky(0.8, linear_features=HIDDEN, **options)
    return dense(first, snn.RLeaky(0.7, linear_features=CLASSES, **options, output=True))


def recurrent_currents() -> nn.Module:
    options = {"init_hidden": True, "reset_mechanism": "subtract", "output": True}
    return dense(snn.Leaky(0.9, init_hidden=True), snn.RSynaptic(0.7, 0.8, linear_features=CLASSES, **options))


def mixed() -> nn.Module:
    """A rate-coded layer before the spiking one: what NeuroBench counts as multiplications."""
    first, last = nn.Linear(FEATURES, 8), nn.Linear(HIDDEN, CLASSES)
    return Stepped(first, nn.ReLU(), nn.Linear(8, HIDDEN), snn.Leaky(0.9, init_hidden=True), last, decision())


def decision() -> nn.Module:
    return snn.Leaky(0.9, init_hidden=True, output=True)


def convolutional() -> nn.Module:
    first = snn.Leaky(0.7, init_hidden=True, reset_mechanism="zero")
    image = nn.Unflatten(1, (1, 4, 5))
    return Stepped(image, nn.Conv2d(1, 3, 3), first, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3, CLASSES), decision())


def graded() -> nn.Module:
    """Spikes of other sizes than 1, which NeuroBench counts as multiplications."""
    first = snn.Leaky(0.9, graded_spikes_factor=0.5, threshold=0.8, init_hidden=True)
    return dense(first, snn.Leaky(0.8, graded_spikes_factor=2.0, init_hidden=True, output=True))


def converted() -> nn.Module:
    """Return a network converted by ``from_ann``; of the peer's neurons, the same net put together by hand."""
    torch.manual_seed(3)
    image, classes = nn.Unflatten(1, (1, 4, 5)), nn.Linear(HIDDEN, CLASSES)
    layers = nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, HIDDEN), nn.ReLU()
    net, _ = from_ann(nn.Sequential(image, *layers, classes), torch.rand(50, FEATURES), method="max")
    calls = [net.get_submodule(str(node.target)) for node in net.graph.nodes if node.op == "call_module"]
    return Scores(*(integrating(layer) if isinstance(layer, RLeaky) else layer for layer in calls))


def integrating(neuron: RLeaky) -> nn.Module:
    """A neuron without leak that is lowered by its threshold, as conversion makes it, of the library's class."""
    lowered = {"V": neuron.recurrent.V.item(), "all_to_all": False, "learn_recurrent": False}
    options = {"threshold": neuron.threshold.item(), "reset_mechanism": "none", "init_hidden": True}
    return snn.RLeaky(beta=1.0, **lowered, **options)


NETS: dict[str, Callable[[], nn.Module]] = {
    "leaky": leaky,
    "learned": learned,
    "synaptic": lambda: synaptic("subtract"),
    "synaptic, reset to zero": lambda: synaptic("zero"),
    "currents": currents,
    "recurrent": recurrent,
    "recurrent currents": recurrent_currents,
    "mixed": mixed,
    "convolutional": convolutional,
    "graded": graded,
    "converted": converted,
    "nested": lambda: Nested(leaky()),
    "states passed on": Looped,
    "states of their own": lambda: Looped(reset=False),
}
