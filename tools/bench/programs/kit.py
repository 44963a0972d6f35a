"""The parts of a library that programs need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from bench.programs.losses import Losses


@dataclass(frozen=True)
class Leaky:
    """A layer of leaky neurons with threshold 1 that subtract it, without a gradient, when they fire."""

    beta: float  # membrane decay per step
    # slope of a fast sigmoid, whose derivative is the surrogate; None for that of an arc tangent
    slope: float | None = None
    # number of neurons of a layer whose spikes return to all its neurons; None without recurrence
    features: int | None = None
    output: bool = False  # the layer returns its membrane besides its spikes


@dataclass(frozen=True)
class Kit:
    """One library as the programs see it."""

    neurons: Callable[[Leaky], nn.Module]  # makes a layer of neurons
    # runs a net over input ``[T, batch, ...]``; the last layer's spikes and membranes ``[T, batch, ...]``, or numbers
    run: Callable[[nn.Module, Tensor], tuple[Tensor, Tensor] | Tensor]
    losses: Losses = field(default_factory=Losses)  # its losses of spikes
    # wraps a layer without state, where the library runs whole sequences
    lift: Callable[[nn.Module], nn.Module] = lambda layer: layer


def looped(rest: Callable[[nn.Module], object]) -> Callable[[nn.Module, Tensor], tuple[Tensor, Tensor] | Tensor]:
    """Return a function that runs a net from rest in a loop over steps: spikes and membranes ``[T, ...]``, or numbers.

    A net whose last layer does not fire has numbers, the same that other nets have as membranes.
    """

    def run(net: nn.Module, xs: Tensor) -> tuple[Tensor, Tensor] | Tensor:
        rest(net)
        steps = [net(x) for x in xs.unbind(0)]
        if isinstance(steps[0], Tensor):
            return torch.stack(steps)
        spks, mems = zip(*steps, strict=True)
        return torch.stack(spks), torch.stack(mems)

    return run


def familiar(library: Any, leaky: Leaky) -> nn.Module:
    """Make neurons of a library that has those of snnTorch, under the same names."""
    options: dict[str, Any] = {"init_hidden": True, "output": leaky.output}
    if leaky.slope is not None:
        options["spike_grad"] = library.surrogate.fast_sigmoid(leaky.slope)
    if leaky.features is not None:
        return library.RLeaky(beta=leaky.beta, linear_features=leaky.features, **options)
    return library.Leaky(beta=leaky.beta, **options)
