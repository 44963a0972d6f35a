"""Spikes whose gradient survives a compiler that ignores ``autograd.Function``, made of plain operations."""

from __future__ import annotations

import math
from inspect import signature
from typing import Any, Callable, Sequence

import torch
from torch import Tensor

from snn_ipu.program.operations import run

__all__ = ["CLOSED_FORMS", "closed_form", "injected", "spike", "takes"]


def _fast_sigmoid(u: Tensor, slope: float) -> Tensor:
    return u / (1 + slope * u.abs())


def _atan(u: Tensor, alpha: float) -> Tensor:
    return torch.atan(math.pi / 2 * alpha * u) / math.pi


def _sigmoid(u: Tensor, slope: float) -> Tensor:
    return torch.sigmoid(slope * u)


def _triangular(u: Tensor, threshold: float) -> Tensor:
    y = (u / threshold).clamp(-1, 1)
    return y - y * y.abs() / 2


def _straight_through(u: Tensor) -> Tensor:
    return u


CLOSED_FORMS: dict[str, Callable[..., Tensor]] = {
    "fast_sigmoid": _fast_sigmoid,
    "atan": _atan,
    "sigmoid": _sigmoid,
    "triangular": _triangular,
    "straight_through_estimator": _straight_through,
}
"""Functions S(u, *parameters) whose derivative is the surrogate of that name."""


def takes(name: str, params: Sequence[float]) -> bool:
    """Return True if the closed form of that name has as many parameters."""
    return len(signature(CLOSED_FORMS[name]).parameters) - 1 == len(params)


def closed_form(u: Tensor, name: str, params: tuple[float, ...] = ()) -> Tensor:
    r"""Return spikes with the gradient of a function S, made of plain operations.

    .. math:: \Theta(u) + S(u) - \mathrm{detach}(S(u))

    The difference is 0 for finite u, so that the forward value is exact; for infinite u it is NaN.

    Returns:
        Spikes, 1 where ``u > 0`` and 0 elsewhere, in the shape and dtype of ``u``.

    Example:
        >>> u = torch.tensor([-0.5, 0.5], requires_grad=True)
        >>> spk = closed_form(u, "fast_sigmoid", (2.0,))
        >>> spk.sum().backward()
        >>> spk.detach(), u.grad
        (tensor([0., 1.]), tensor([0.2500, 0.2500]))

    Source: Bengio, Leonard, Courville, Estimating or Propagating Gradients Through Stochastic Neurons (2013).
    """
    smooth = CLOSED_FORMS[name](u, *params)
    return (u > 0).to(u.dtype).detach() + (smooth - smooth.detach())


def injected(u: Tensor, derivative: Callable[[Tensor], Tensor]) -> Tensor:
    r"""Return spikes with any derivative g(u), made of plain operations.

    .. math:: \Theta(u) + z - \mathrm{detach}(z), \qquad z = u\,\mathrm{detach}(g(u))

    Returns:
        Spikes, 1 where ``u > 0`` and 0 elsewhere, in the shape and dtype of ``u``.

    Example:
        >>> u = torch.tensor([-0.5, 0.5], requires_grad=True)
        >>> injected(u, torch.square).sum().backward()
        >>> u.grad
        tensor([0.2500, 0.2500])
    """
    fixed = u.detach()
    z = u * derivative(fixed).detach()
    return (fixed > 0).to(u.dtype) + (z - z.detach())


def spike(u: Tensor, surrogate: dict[str, Any], batch: int, op: Callable[..., Tensor] | None = None) -> Tensor:
    """Return the spikes of a surrogate, given its description in a program.

    Args:
        u: Membrane potential minus threshold, ``[batch, ...]``.
        surrogate: ``{"name", "params"}``; for ``"none"`` no gradient, for ``"injected"`` with the operations that
            compute ``"out"`` from ``"u"``.
        batch: Size of axis 0.
        op: A compiled operator ``op(u, name, params)`` for surrogates in closed form, or None.

    Returns:
        Spikes in the shape and dtype of ``u``.

    Example:
        >>> spike(torch.tensor([-1.0, 1.0]), {"name": "atan", "params": [2.0]}, batch=2)
        tensor([0., 1.])
    """
    name = surrogate["name"]
    if name == "none":
        return (u > 0).to(u.dtype).detach()
    if name != "injected":
        params = tuple(surrogate["params"])
        return closed_form(u, name, params) if op is None else op(u, name, params)

    def derivative(fixed: Tensor) -> Tensor:
        env = {"u": fixed}
        run(surrogate["ops"], env, batch, u.dtype)
        return env[surrogate["out"]]

    return injected(u, derivative)
