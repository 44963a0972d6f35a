"""Nets of every kind that can be written in C, with weights in multiples of 1/16, so that their sums are exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import snn_core as snn

KEEPS = {"init_hidden": True}


class Doubling(snn.SpikingNeuron):
    """A user's neuron with a constant leak, a second state, names that are reserved in C, and a branch by value."""

    class State(NamedTuple):
        """Membrane, and a facilitation that halves or grows in each step."""

        mem: Tensor
        double: Tensor

    def __init__(self, leak: Tensor, **options: Any) -> None:
        super().__init__(**options)
        self.constant("leak", leak)
        self.constant("int", 0.25, learn=True)

    def integrate(self, x: Tensor, state: Any) -> Any:
        double = torch.where(x > self.int, state.double + 1, 0.5 * state.double)
        return self.State((state.mem - self.leak).clamp_min(0) + x * (1 + self.int * double), double)


class Residual(nn.Module):
    """A net with convolutions and normalization, and with branches that are added and concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.spike = snn.Leaky(0.5, **KEEPS)
        self.second = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
        self.alone = nn.BatchNorm2d(4)
        self.again = snn.Leaky(torch.tensor([0.5, 0.6, 0.7, 0.8]).reshape(4, 1, 1), **KEEPS)
        self.head = nn.Linear(8 * 2 * 2, 3)
        self.out = snn.Leaky(0.9, output=True, **KEEPS)

    def forward(self, x: Tensor) -> Any:
        spk = self.spike(self.norm(self.first(x)))
        drive = self.second(spk) + 0.5 * spk
        other = self.again(self.alone(drive))
        both = F.max_pool2d(torch.cat([spk, other], 1), 2)
        return self.out(F.relu(self.head(both.flatten(1)))), drive


def dyadic(net: nn.Module) -> nn.Module:
    """Give a net weights in multiples of 1/16, and set it to evaluation mode."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.running_var is not None
            assert module.running_mean is not None
            module.eps = 2**-6  # torch 2.10 refuses 0
            module.running_var.copy_(4.0 ** torch.randint(-1, 2, module.running_var.shape) - module.eps)
            module.running_mean.copy_(torch.randint(-4, 5, module.running_mean.shape) / 8)
        for name, parameter in module.named_parameters(recurse=False):
            if name in ("weight", "bias"):
                most = 12 if parameter[0].numel() < 10 else 7  # otherwise neurons with many inputs would always fire
                with torch.no_grad():
                    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and name == "weight":
                        parameter.copy_(2.0 ** torch.randint(-1, 2, parameter.shape))
                    else:
                        parameter.copy_(torch.randint(-6, most, parameter.shape) / 16)
    return net.eval()


def layered(*layers: Any) -> nn.Module:
    """Return layers after a linear one of 5 features, followed by an output layer."""
    return nn.Sequential(nn.Linear(5, 7), *layers, nn.Linear(7, 3), snn.Leaky(0.75, **KEEPS))


def one(neuron: Callable[..., Any], *args: Any, **options: Any) -> Callable[[], tuple[nn.Module, tuple[int, ...]]]:
    """Return a function that makes a net with one neuron inside, and the shape of its input."""
    return lambda: (dyadic(layered(neuron(*args, **options, **KEEPS))), (5,))


def driven(neuron: Any) -> nn.Module:
    """Return a neuron after a linear layer and a gain."""
    gain = snn.GradedSpikes(7, 16.0)
    return nn.Sequential(dyadic(nn.Linear(5, 7)), gain, neuron).eval()


def conv() -> nn.Module:
    """Return a net with convolutions of images."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1),
        snn.Leaky(0.9, **KEEPS),
        nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2, bias=False),
        snn.Leaky(0.8, **KEEPS),
        nn.Flatten(),
        nn.Linear(54, 4),
        snn.Leaky(0.7, **KEEPS),
    )


def sequences() -> nn.Module:
    """Return a net with convolutions of sequences."""
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, padding="same"),
        snn.Leaky(0.9, **KEEPS),
        nn.AvgPool1d(2),
        nn.Conv1d(4, 6, 2, stride=2, padding=1),
        snn.Leaky(0.8, **KEEPS),
        nn.MaxPool1d(2, ceil_mode=True),
    )


def pools() -> nn.Module:
    """Return a net with all kinds of pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.AvgPool2d(2, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
        snn.Leaky(0.9, **KEEPS),
        nn.MaxPool2d(3, 2, 1),
        nn.AdaptiveMaxPool2d((3, 2)),
        nn.AvgPool2d(2, stride=1, divisor_override=1),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(8, 3),
        snn.Leaky(0.9, **KEEPS),
    )


def read_out() -> nn.Module:
    """Return a net with membranes between its layers and as its output."""
    return nn.Sequential(
        nn.Linear(5, 7),
        snn.Leaky(0.9, **KEEPS),
        nn.Linear(7, 3, bias=False),
        snn.Readout(torch.tensor([0.0, 1.0, 0.0])),  # membranes whose sums are exact
        nn.Linear(3, 4),
        snn.Leaky(0.9, **KEEPS),
        nn.Linear(4, 3, bias=False),
        snn.Readout(0.9),
    )


SEVEN = torch.tensor([0.0, 0.25, 0.5, 0.75, 0.875, 0.9, 1.0])
DELAYS = torch.tensor([0.0, 0.5, 1.0, 1.75, 2.0, 3.5, 4.0])
NETS: dict[str, Callable[[], tuple[nn.Module, tuple[int, ...]]]] = {
    "dense": one(snn.Leaky, 0.9),
    "per neuron": one(snn.Leaky, SEVEN, threshold=1 + SEVEN),
    "reset to zero": one(snn.Leaky, 0.9, reset_mechanism="zero"),
    "reset in the step": one(snn.Leaky, 0.9, reset_delay=False, graded_spikes_factor=0.5),
    "conv": lambda: (dyadic(conv()), (2, 9, 9)),
    "conv1d": lambda: (dyadic(sequences()), (2, 9)),
    "pools": lambda: (dyadic(pools()), (1, 11, 13)),
    "residual": lambda: (dyadic(Residual()), (2, 5, 5)),
    "recurrent": one(snn.RLeaky, 0.9, linear_features=7),
    "recurrent one to one": one(snn.RLeaky, 0.9, all_to_all=False, V=SEVEN),
    "recurrent synaptic": one(snn.RSynaptic, 0.9, 0.8, linear_features=7, reset_mechanism="zero"),
    "recurrent delays": one(snn.RLeaky, 0.9, linear_features=7, max_delay=4, delay=DELAYS, delay_sigma=1.0),
    "synaptic": one(snn.Synaptic, 0.9, SEVEN, reset_mechanism="none"),
    "alpha": one(snn.Alpha, 0.9, 0.8),
    "alif": one(snn.ALIF, 0.9, SEVEN, threshold=0.125),
    "adlif": one(snn.AdLIF, 0.9, 0.95, 0.25, 0.5, threshold=0.25),
    "seadlif": one(snn.SEAdLIF, 0.9, 0.95, 0.25, 0.5, threshold=0.125),
    "izhikevich": lambda: (driven(snn.Izhikevich(**KEEPS)), (5,)),
    "sliding psn": one(snn.SlidingPSN, 3),
    "own": one(Doubling, SEVEN),
    "axonal": lambda: (dyadic(layered(snn.Leaky(0.5, **KEEPS), snn.AxonalDelay(4, DELAYS, channels=7))), (5,)),
    "synaptic delays": lambda: (
        dyadic(
            nn.Sequential(snn.DelayedLinear(5, 7, 3), snn.Leaky(0.9, **KEEPS), snn.DelayedLinear(7, 3, 4, bias=False))
        ),
        (5,),
    ),
    "delayed conv": lambda: (
        dyadic(nn.Sequential(snn.DelayedConv2d(2, 4, 3, 3, stride=2, padding=1), snn.Leaky(0.9, **KEEPS))),
        (2, 7, 7),
    ),
    "read-out": lambda: (dyadic(read_out()), (5,)),
    "neuron alone": lambda: (snn.Leaky(0.9, output=True, **KEEPS), (3, 4)),
}


def inputs(shape: tuple[int, ...], steps: int = 1000) -> Tensor:
    """Return inputs of one sample, in multiples of 1/8."""
    return torch.randint(0, 9, (steps, 1, *shape)) / 8


def spiking(net: nn.Module, xs: Tensor) -> bool:
    """Return True if some but not all numbers of the net's first output are spikes."""
    with torch.no_grad():
        out = snn.unroll(net, xs)
    first = out if isinstance(out, Tensor) else out[0] if isinstance(out[0], Tensor) else out[0][0]
    return 0 < int(first.count_nonzero()) < first.numel()
