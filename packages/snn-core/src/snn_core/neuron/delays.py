"""Delays in steps, and the weights that place an input between steps."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from snn_core.neuron.constant import anywhere, is_whole
from snn_core.neuron.firing import as_dtype


def wide(delays: Tensor) -> Tensor:
    """Return delays, or what is computed with them, in a dtype that holds every whole number of steps.

    Half precision does not: from 256 on bfloat16 holds only every second one, and float16 from 2,048 on.

    Example:
        >>> wide(torch.tensor(0.5, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return as_dtype(delays, torch.promote_types(delays.dtype, torch.float32))


def gaussian(delays: Tensor, max_delay: int, sigma: float | Tensor) -> Tensor:
    """Return the weights of the steps around delays: a Gaussian with sum 1.

    Args:
        delays: Delays in steps, any shape.
        max_delay: Largest delay D.
        sigma: Width in steps.

    Returns:
        ``[D + 1, ...]``, the weights of the inputs 0 to D steps ago.

    Example:
        >>> gaussian(torch.tensor(1.0), max_delay=2, sigma=1.0)
        tensor([0.2741, 0.4519, 0.2741])
    """
    sigma = wide(sigma) if isinstance(sigma, Tensor) else sigma
    distances = all_delays(max_delay, delays) - wide(delays)
    return as_dtype(torch.softmax(-(distances**2) / (2 * sigma**2), 0), delays.dtype)


def all_delays(max_delay: int, delays: Tensor) -> Tensor:
    """Return the delays of 0 to D steps, ``[D + 1, 1, ...]`` with as many further axes as ``delays`` has.

    Example:
        >>> all_delays(2, torch.zeros(3)).tolist()
        [[0.0], [1.0], [2.0]]
    """
    steps = torch.arange(max_delay + 1, device=delays.device).to(wide(delays).dtype)
    return steps.reshape(-1, *[1] * delays.dim())


def summed(window: Tensor, weights: Tensor, weighted: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Add up the inputs of every step and of the steps before it, each with a weight.

    Args:
        window: The inputs ``[D + T, batch, ...]``, including the D steps before the first one.
        weights: The weights ``[D + 1, ...]`` of the inputs 0 to D steps ago.
        weighted: Function that applies one entry of the weights to the inputs ``[T, batch, ...]``.

    Returns:
        The sums of T steps.

    Example:
        >>> summed(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 10.0]), lambda x, weight: x * weight)
        tensor([12., 23.])
    """
    most = len(weights) - 1
    count = window.shape[0] - most
    total = weighted(window.narrow(0, most, count), weights[0])
    for steps in range(1, most + 1):
        total = total + weighted(window.narrow(0, most - steps, count), weights[steps])
    return total


def must_be_wide(owner: str, sigma: float) -> None:
    """Raise unless a Gaussian has a positive, finite width."""
    if not sigma > 0:
        raise ValueError(f"{owner}: sigma must be greater than 0 steps, got {sigma!r}")
    if sigma == math.inf:
        raise ValueError(f"{owner}: sigma must be finite, got {sigma!r}")


def must_be_a_delay(owner: str, most: int) -> None:
    """Raise unless the largest delay is a whole number of steps."""
    if not (is_whole(most) and most >= 1):
        raise ValueError(f"{owner}: max_delay must be a whole number of steps, 1 or more, got {most!r}")


def must_be_delays(owner: str, delays: Tensor, most: int) -> None:
    """Raise unless delays lie between 0 and the largest."""
    delays = wide(delays)
    if anywhere((delays < 0) | (delays > most)):
        raise ValueError(
            f"{owner}: every delay must lie between 0 and max_delay={most} steps, got {delays.min().item():g} to "
            f"{delays.max().item():g}"
        )
