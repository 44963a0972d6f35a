"""The conversion of a time constant to the shares that a membrane keeps and takes in per step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor


def rise(tau: float | Tensor, dt: float, method: str = "euler") -> float | Tensor:
    r"""Return the share of the way to its resting value that a leaky variable moves in one step.

    .. math::

        \rho = \Delta t / \tau \;\text{(euler)}, \qquad
        \rho = 1 - e^{-\Delta t / \tau} \;\text{(exact)}

    Both turn :math:`\tau \dot v = v_\infty - v` into :math:`v' = (1 - \rho)\,v + \rho\,v_\infty`: the
    forward Euler method, or the solution for an input that is constant during the step.

    Args:
        tau: Time constant, greater than 0, in the unit of ``dt``; a number or a tensor of any shape.
        dt: Time step, greater than 0.
        method: ``"euler"`` or ``"exact"``.

    Returns:
        The share, of the shape of ``tau``.

    Raises:
        ValueError: If the method is unknown.

    Example:
        >>> rise(tau=2.0, dt=1.0), round(rise(tau=2.0, dt=1.0, method="exact"), 4)
        (0.5, 0.3935)

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3; Rotter and Diesmann (1999), Exact digital simulation
    of time-invariant linear systems.
    """
    return rise_of(method)(tau, dt)


def discretized_decay(tau: float | Tensor, dt: float, method: str = "euler") -> float | Tensor:
    r"""Return the share that a leaky variable keeps in one step, :math:`1 - \rho` with :math:`\rho` from :func:`rise`.

    With ``method="exact"`` it equals :func:`snn_core.decay`.

    Args:
        tau: Time constant, greater than 0, in the unit of ``dt``; a number or a tensor of any shape.
        dt: Time step, greater than 0.
        method: ``"euler"`` or ``"exact"``.

    Returns:
        The decay per step, of the shape of ``tau``.

    Raises:
        ValueError: If the method is unknown.

    Example:
        >>> discretized_decay(tau=4.0, dt=1.0)
        0.75
    """
    return 1 - rise(tau, dt, method)


def decay(tau: float | Tensor, dt: float, method: str = "euler") -> float | Tensor:
    """Call :func:`discretized_decay` under the name that it had up to 0.5, with a warning.

    Args:
        tau: Time constant, greater than 0, in the unit of ``dt``; a number or a tensor of any shape.
        dt: Time step, greater than 0.
        method: ``"euler"`` or ``"exact"``.

    Returns:
        The decay per step, of the shape of ``tau``.

    Raises:
        ValueError: If the method is unknown.

    Example:
        >>> with warnings.catch_warnings(action="ignore"):
        ...     decay(tau=4.0, dt=1.0)
        0.75
    """
    warnings.warn(
        "snn.nir.decay is now called snn.nir.discretized_decay, because snn.decay is a different function",
        DeprecationWarning,
        stacklevel=2,
    )
    return discretized_decay(tau, dt, method)


def rise_of(method: str) -> Callable[[float | Tensor, float], float | Tensor]:
    """Return the function ``(tau, dt) -> rise`` of a method."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    return METHODS[method]


def _exact(tau: float | Tensor, dt: float) -> float | Tensor:
    return -torch.expm1(-dt / tau) if isinstance(tau, Tensor) else -math.expm1(-dt / tau)


METHODS: dict[str, Callable[[float | Tensor, float], float | Tensor]] = {
    "euler": lambda tau, dt: dt / tau,
    "exact": _exact,
}
