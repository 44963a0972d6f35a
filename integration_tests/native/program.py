"""Small nets, their outputs and gradients, and what the doctor says, as JSON: the same numbers whatever runs them.

Numbers are written in hexadecimal, which loses nothing. A name says what must hold: ``exact`` for what a neuron
computes element by element, and for sums of numbers that are all on one coarse grid; ``close`` for other sums, whose
order is free.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

import snn_core as snn
from snn.doctor import diagnose

NEURONS: dict[str, Callable[[], snn.SpikingNeuron]] = {
    "Leaky": lambda: snn.Leaky(beta=0.9, init_hidden=True, output=True),
    "Leaky, zero": lambda: snn.Leaky(beta=0.5, reset_mechanism="zero", init_hidden=True, output=True),
    "Leaky, none, immediate": lambda: snn.Leaky(
        beta=torch.linspace(0.1, 0.95, 5), reset_mechanism="none", reset_delay=False, init_hidden=True, output=True
    ),
    "Leaky, all learned": lambda: snn.Leaky(
        beta=0.9, threshold=torch.full((5,), 0.75), learn_beta=True, learn_threshold=True, init_hidden=True, output=True
    ),
    "Lapicque": lambda: snn.Lapicque(beta=0.8, init_hidden=True, output=True),
    "Synaptic": lambda: snn.Synaptic(alpha=0.7, beta=0.9, init_hidden=True, output=True),
    "Alpha": lambda: snn.Alpha(alpha=0.8, beta=0.7, init_hidden=True, output=True),
    "StateLeaky": lambda: snn.StateLeaky(beta=0.9, channels=5),
    "RLeaky": lambda: snn.RLeaky(beta=0.9, all_to_all=False, V=0.5, init_hidden=True, output=True),
    "RSynaptic": lambda: snn.RSynaptic(alpha=0.7, beta=0.9, all_to_all=False, V=0.5, init_hidden=True, output=True),
}
ON_GRID: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "layers": (
        lambda: nn.Sequential(nn.Linear(7, 130), leaky(), nn.Linear(130, 260), leaky(), nn.Linear(260, 3), leaky()),
        (8, 17, 7),
    ),
    "recurrent": (
        lambda: nn.Sequential(nn.Linear(7, 5), snn.RLeaky(beta=0.5, linear_features=5, init_hidden=True)),
        (8, 3, 7),
    ),
    "convolutional": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3), leaky(), nn.MaxPool2d(2), nn.Conv2d(3, 5, 3), leaky(), nn.Flatten(), nn.Linear(45, 3)
        ),
        (8, 3, 1, 12, 12),
    ),
}


def leaky() -> snn.Leaky:
    """A neuron that stays on a grid for some steps."""
    return snn.Leaky(beta=0.5, init_hidden=True)


def neurons(dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    """Outputs and gradients of every neuron alone, over numbers of any kind."""
    for number, (name, build) in enumerate(NEURONS.items()):
        torch.manual_seed(number)
        neuron = build().to(dtype)
        xs = torch.rand(37, 3, 5, dtype=dtype).mul(2).requires_grad_()
        outputs = snn.unroll(neuron, xs)
        sum((output * torch.rand_like(output)).sum() for output in outputs).backward()
        yield from ((f"exact {name}, output {place}", output) for place, output in enumerate(outputs))
        yield from gradients(name, neuron, xs)


def nets(dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    """Outputs and gradients of every net, over multiples of 1/16, of which sums are exact in any order."""
    for number, (name, (build, shape)) in enumerate(ON_GRID.items()):
        torch.manual_seed(number)
        net = build().to(dtype)
        with torch.no_grad():
            for p in (p for layer in net.modules() if not list(layer.children()) for p in layer.parameters()):
                p.copy_(torch.randint(-8, 10, p.shape) / 16)
        xs = (torch.randint(0, 17, shape) / 16).to(dtype).requires_grad_()
        output = snn.unroll(net, xs)
        (output * torch.rand_like(output)).sum().backward()
        yield f"exact {name}, output", output
        yield from gradients(name, net, xs)


def gradients(name: str, net: nn.Module, xs: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Gradients of the input and of every parameter."""
    for path, value in {"x": xs, **dict(net.named_parameters())}.items():
        if value.grad is not None:
            yield f"close {name}, {path}.grad", value.grad


def main() -> None:
    """Print which kernel each neuron takes, every number in both precisions, and the diagnosis."""
    numbers = {
        f"{name} {dtype}": [float(v).hex() for v in value.detach().flatten()]
        for dtype in (torch.float32, torch.float64)
        for results in (neurons, nets)
        for name, value in results(dtype)
    }
    kernels = {name: snn.kernels.choose(build(), torch.zeros(2, 1, 5)).name for name, build in NEURONS.items()}
    json.dump({"kernels": kernels, "numbers": numbers, "doctor": diagnose().to_dict()}, sys.stdout)


if __name__ == "__main__":
    main()
