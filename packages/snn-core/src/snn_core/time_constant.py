"""From time constants in seconds to decay per step."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["decay"]


def decay(tau: float | Tensor, dt: float) -> float | Tensor:
    r"""Decay per step of an exponential with time constant ``tau``.

    .. math:: \beta = e^{-\Delta t / \tau}

    Args:
        tau: Time constant in seconds, greater than 0; a number or a tensor of any shape.
        dt: Step in seconds, greater than 0.

    Returns:
        The decay, in (0, 1): a float, or a tensor of the shape of ``tau``.

    Raises:
        ValueError: If ``tau`` or ``dt`` is not greater than 0.

    Example:
        >>> round(decay(tau=20e-3, dt=1e-3), 4)
        0.9512

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """
    if not dt > 0:
        raise ValueError(f"decay: dt must be greater than 0 seconds, got {dt!r}")
    if isinstance(tau, Tensor):
        if not bool((tau > 0).all()):
            raise ValueError(f"decay: every tau must be greater than 0 seconds, got a smallest value of {tau.min()}")
        return torch.exp(-dt / tau)
    if not tau > 0:
        raise ValueError(f"decay: tau must be greater than 0 seconds, got {tau!r}")
    return math.exp(-dt / tau)
