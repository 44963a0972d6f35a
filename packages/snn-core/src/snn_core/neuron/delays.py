"""Delays in steps, and the weights that place an input between steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from snn_core.neuron.constant import anywhere, is_whole


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
    steps = torch.arange(max_delay + 1, device=delays.device).to(delays.dtype)
    distances = steps.reshape(-1, *[1] * delays.dim()) - delays
    return torch.softmax(-(distances**2) / (2 * sigma**2), 0)


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
    """Raise unless a Gaussian has a positive width."""
    if not sigma > 0:
        raise ValueError(f"{owner}: sigma must be greater than 0 steps, got {sigma!r}")


def must_be_a_delay(owner: str, most: int) -> None:
    """Raise unless the largest delay is a whole number of steps."""
    if not (is_whole(most) and most >= 1):
        raise ValueError(f"{owner}: max_delay must be a whole number of steps, 1 or more, got {most!r}")


def must_be_delays(owner: str, delays: Tensor, most: int) -> None:
    """Raise unless delays lie between 0 and the largest."""
    if anywhere((delays < 0) | (delays > most)):
        raise ValueError(
            f"{owner}: every delay must lie between 0 and max_delay={most} steps, got {delays.min().item():g} to "
            f"{delays.max().item():g}"
        )
