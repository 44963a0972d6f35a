"""Delays in steps, and the weights that place an input between steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from snn_core.engines.dtypes import as_dtype
from snn_core.neuron.constant import anywhere


def wide(delays: Tensor) -> Tensor:
    """Return delays, or values computed from them, in a dtype that represents every whole number of steps.

    Half precision does not: above 256 bfloat16 skips every other whole number, and float16 does so above 2,048.
    """
    return as_dtype(delays, torch.promote_types(delays.dtype, torch.float32))


def gaussian(delays: Tensor, max_delay: int, sigma: float | Tensor) -> Tensor:
    """Return the weights of the inputs 0 to D steps ago, a Gaussian around the delays with sum 1: ``[D + 1, ...]``."""
    sigma = wide(sigma) if isinstance(sigma, Tensor) else sigma
    distances = all_delays(max_delay, delays) - wide(delays)
    return as_dtype(torch.softmax(-(distances**2) / (2 * sigma**2), 0), delays.dtype)


def all_delays(max_delay: int, delays: Tensor) -> Tensor:
    """Return the delays of 0 to D steps, ``[D + 1, 1, ...]`` with as many further axes as ``delays`` has."""
    steps = torch.arange(max_delay + 1, device=delays.device).to(wide(delays).dtype)
    return steps.reshape(-1, *[1] * delays.dim())


def summed(window: Tensor, weights: Tensor, weighted: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Add up the inputs of each of T steps and of the D steps before it, each with a weight.

    The window ``[D + T, batch, ...]`` begins with the D steps before; ``weighted`` applies one of the weights
    ``[D + 1, ...]``.
    """
    most = len(weights) - 1
    count = window.shape[0] - most
    total = weighted(window.narrow(0, most, count), weights[0])
    for steps in range(1, most + 1):
        total = total + weighted(window.narrow(0, most - steps, count), weights[steps])
    return total


def must_be_delays(owner: str, delays: Tensor, most: int) -> None:
    """Raise unless delays lie between 0 and ``most``."""
    delays = wide(delays)
    if anywhere((delays < 0) | (delays > most)):
        raise ValueError(
            f"{owner}: every delay must be between 0 and max_delay={most} steps, got {delays.min().item():g} to "
            f"{delays.max().item():g}"
        )
