"""The limits beyond which a diagnosis reports its measurements."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch

from snn_functional._messages import must
from snn_functional._numbers import finite, share


@dataclass(frozen=True)
class Limits:
    """The limits beyond which a diagnosis reports its measurements.

    Two of them are the machine epsilon of float32, 2**-23: a number that is smaller is lost in rounding beside 1. One
    is that of float64. The others are judgments: change them if they do not fit your net.

    Args:
        share: Share of a layer's neurons, in [0, 1], from which dead or saturated neurons, or neurons out of reach of
            their surrogate gradient, are reported. Half a layer is more than sparse codes leave idle.
        saturated_rate: Spikes per step from which a neuron counts as saturated; one that fires in 19 of 20 steps tells
            hardly more than a bias.
        vanishing: Gradient of the first time step, relative to the largest of all steps, below which it vanishes; the
            same for a layer among all layers. The default is the machine epsilon.
        exploding: Largest gradient of all time steps, relative to the last that is not 0, above which it explodes.
        underflow: Surrogate derivative below which a membrane is out of its reach. The default is the machine epsilon.
        inside: Share of membranes, in [0, 1], near enough to the threshold for a gradient, below which a layer is
            reported: with one in two hundred, hardly any step of a sample teaches a neuron something.
        leak: Share of a membrane, in [0, 1], that leaks over the whole sequence, below which a decay is called slow:
            the neuron then integrates as if it had none.
        bound: Share of the range of a learned constant, in [0, 1], within which it counts as being at an end: there the
            derivative of the logistic function is below 1/200 of its largest value.
        subnormal: Share of membranes, gradients or moments, in [0, 1], from which subnormal ones are reported. A
            processor that takes a hundred times as long for one spends as long on a hundredth of them as on all the
            others.
        page_faults: Number of minor page faults of a training step from which they are reported. They are measured only
            if the neurons' input fills as many pages of 4 KiB: 10,000 are 40 MiB and some 10 ms.
        vanished: Gradient of a layer, relative to the largest of all layers, below which it is an error, and not a
            warning, that it vanishes. The default is the machine epsilon of float64, 2**-52.

    Raises:
        TypeError: If a limit is not a number.
        ValueError: If a share is outside [0, 1], or another limit is negative or not finite.

    Example:
        >>> Limits(share=0.25).share
        0.25

    Source: Rossbroich, Gygax and Zenke, Fluctuation-driven initialization for spiking neural network training (2022),
    on dead and saturated neurons; Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks
    (2013), on vanishing and exploding gradients.
    """

    share: float = 0.5
    saturated_rate: float = 0.95
    vanishing: float = torch.finfo(torch.float32).eps
    exploding: float = 1e3
    underflow: float = torch.finfo(torch.float32).eps
    inside: float = 0.005
    leak: float = 0.1
    bound: float = 1e-3
    subnormal: float = 0.01
    page_faults: float = 1e4
    vanished: float = torch.finfo(torch.float64).eps

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if name in ("share", "saturated_rate", "inside", "leak", "bound", "subnormal"):
                share(name, value)
            elif finite(name, value) < 0:
                raise ValueError(must(name, "be at least 0", value))
